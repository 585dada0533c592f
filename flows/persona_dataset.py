"""Write and check statements of personas, for the steerability benchmark."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from metaflow import card, step

from benchmarks.steerability.data import check_data
from benchmarks.steerability.generation.duplicates import tfidf_vectors
from benchmarks.steerability.generation.rounds import (
    Books,
    asks,
    close_round,
    finish,
    shortfall,
    status,
)
from benchmarks.steerability.generation.workshop import Draft, Verdicts
from flows import persona_outputs
from flows.base import told_plainly
from flows.manifest import merge_usage, usage_entry
from flows.persona_start import LOCAL, PersonaStart
from flows.remote import shown
from inference import Failure, Progress
from inference.embeddings import Account, embed, embedding_model
from inference.models import ModelRef
from inference.store import open_store
from tables.located import located

WORDS_AS_FAILURES = frozenset(
    {Failure.INVALID_OUTPUT, Failure.FILTERED, Failure.TRUNCATED, Failure.EMPTY}
)
"""Answers that were paid for and are of no use: a round goes on without them."""


class PersonaDatasetFlow(PersonaStart):
    """
    Write and check statements that personas agree or disagree with.

    1. start: load the frameworks, check the models, their keys and the output folder.
    2. ask_round: write what is missing, check every label by a second model, drop near-duplicates;
       again until there are enough statements or --max_rounds are over.
    3. ask_local: all rounds in one task with a GPU, where the writer or the checker runs in it.
    4. save: personas.csv and statements.csv, which the benchmark loads (and both as datasets where
       asked for), and who fell short.
    5. end: say what there is.
    """

    @step
    @told_plainly
    def start(self):
        """Load the frameworks, check the models, their keys and the output folder."""
        self.begin()
        self.way = "here" if self.local_models else "elsewhere"
        self.next({"elsewhere": self.ask_round, "here": self.ask_local}, condition="way")

    @card(type="blank", id="progress", refresh_interval=5)
    @step
    @told_plainly
    def ask_round(self):
        """Write what is missing, check every label by a second model, drop near-duplicates."""
        self.go_round()
        self.way = "save" if status(self.books) else "again"
        self.next({"again": self.ask_round, "save": self.save}, condition="way")

    @card(type="blank", id="progress", refresh_interval=5)
    @step
    @told_plainly
    def ask_local(self):
        """Go all rounds in one task with a GPU: its engines live through them."""
        while not status(self.books):
            self.go_round()
        self.next(self.save)

    @card(type="blank", id="results")
    @step
    @told_plainly
    def save(self):
        """Save personas.csv and statements.csv, which the benchmark loads, and who fell short."""
        from flows.cards import show_results

        data = finish(self.books, self.workshop.personas)
        self.counts = check_data(data.personas, data.statements).counts._asdict()
        folder = self.folder()
        self.results_path = shown(folder)
        self.summary = persona_outputs.tell(self, data)
        self.manifest = persona_outputs.make_manifest(self)
        persona_outputs.write_datasets(self, data)
        persona_outputs.write_files(self, folder, data)
        show_results(self.summary, folder)
        self.next(self.end)

    @step
    @told_plainly
    def end(self):
        """Say what there is."""
        print(self.summary)
        print(f"python steerability_flow.py run --personas_path {self.results_path} --model_id ...")
        if self.output_dataset_path:
            print("Datasets, for --personas_path and --observations_path:", *self.datasets())

    # What the steps are made of ------------------------------------------------------------------

    def go_round(self) -> None:
        """Write what is missing, check it, drop near-duplicates, say what came of it."""
        draft = self.write()
        verdicts = self.check(draft)
        before, self.books = self.books, self.close(draft, verdicts)
        self.rounds = [*self.rounds, round_row(before, self.books, draft)]
        print(persona_outputs.tell_round(self.rounds[-1]))

    def write(self) -> Draft:
        """The statements that the writer gives this round."""
        wanted = asks(self.books, self.generation_batch_size, self.surplus)
        title = f"writing, round {self.books.rounds_done + 1}"
        results, progress = self.ask_all(self.workshop.write_requests(wanted), len(wanted), title)
        draft = self.workshop.read_writing(wanted, results)
        self.account(progress, draft.failures, len(wanted))
        return draft

    def check(self, draft: Draft) -> Verdicts:
        """The second model's word on each of them."""
        batches = self.workshop.check_batches(draft.candidates)
        title = f"checking, round {self.books.rounds_done + 1}"
        results, progress = self.ask_all(
            self.workshop.check_requests(draft.candidates, batches),
            len(batches),
            title,
        )
        verdicts = self.workshop.read_checking(draft.candidates, batches, results)
        self.account(progress, verdicts.failures, len(batches))
        return verdicts

    def account(self, progress: Progress, failures: list[Failure], planned: int) -> None:
        """Add to the usage; fail where an endpoint, not an answer, is the trouble."""
        self.usage = merge_usage([self.usage, usage_entry(progress)])
        hard = [str(failure) for failure in failures if failure not in WORDS_AS_FAILURES]
        self.judge_failures(hard, planned)

    def close(self, draft: Draft, verdicts: Verdicts) -> Books:
        """The books after the round."""
        return close_round(
            self.books,
            verdicts.candidates,
            self.embedder(verdicts.candidates),
            self.similarity_threshold,
            draft.rejected,
        )

    def embedder(self, candidates: Any) -> Any:
        """Vectors of texts: of the local kind, or looked up from one call for the whole round."""
        if self.embeddings == LOCAL:
            return tfidf_vectors
        texts = [*self.books.accepted["statement"], *candidates["statement"]]
        if not texts:
            return tfidf_vectors
        model = embedding_model(self.embeddings, self.embeddings_url)
        vectors, progress = self.embedded(texts, model)
        self.usage = merge_usage([self.usage, usage_entry(progress)])
        of_text = dict(zip(texts, vectors, strict=True))
        return lambda wanted: [of_text[text] for text in wanted]

    def embedded(self, texts: list[str], model: ModelRef) -> tuple[Any, Progress]:
        """Vectors of texts, for what the run's budget still allows; and what they cost.

        Raises:
            PlumblineError: it does not allow it, or there are none to be had.
        """
        progress, place = Progress(), located(self.store_path)
        account = Account(progress, self.prices().of(model))
        if not self.max_cost:
            return embed(texts, model, open_store(place), account)[0], progress
        spending = self.spending()
        account = replace(account, most=spending.before().left(self.max_cost))
        with spending.noted(progress):
            return embed(texts, model, open_store(place), account)[0], progress


def round_row(before: Books, after: Books, draft: Draft) -> dict[str, int]:
    """A round in numbers."""
    dropped = after.dropped["reason"].iloc[len(before.dropped) :].value_counts()
    return {
        "round": after.rounds_done,
        "written": len(draft.candidates) + len(draft.rejected),
        "accepted": len(after.accepted) - len(before.accepted),
        **{str(reason): int(n) for reason, n in sorted(dropped.items())},
        "still_missing": int(shortfall(after)["missing"].sum()),
    }
