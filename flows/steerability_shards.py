"""What a steerability task asks: some personas' shards, and at the join what is missing of them."""

from __future__ import annotations

from itertools import islice, pairwise
from typing import Any, NamedTuple

from benchmarks.steerability.plan import PlannedRequest
from benchmarks.steerability.records import REPLY_SCHEMA, TextAnswer
from benchmarks.steerability.survey import Replies, Survey
from flows.asking import Part, usages_of
from flows.manifest import usage_entry
from flows.own_systems import ask_own_systems
from flows.steerability_start import SteerabilityStart, see_working_folder
from inference import Progress
from inference.store import open_store
from tables.located import located
from tables.rows import Rows


class Shard(NamedTuple):
    """One task's work: some personas, for one model."""

    model: int
    part: int


class SteerabilityShards(SteerabilityStart):
    """A flow whose tasks ask shards of its surveys.

    Attributes:
        surveys: how each model is asked.
        plan_counts: requests of each condition.
        parts: personas, as shards share them.
        shards: the work of all tasks, model by model.
    """

    surveys: list[Survey]
    plan_counts: Any
    parts: list[list[str]]
    shards: list[Shard]

    def deal_out(self) -> None:
        """Deal the steered personas out to shards of every model."""
        people = self.surveys[0].plan.shards()
        parts = min(self.shards_for(int(self.plan_counts["requests"].sum())), len(people))
        bounds = [round(i * len(people) / parts) for i in range(parts + 1)]
        self.parts = [people[a:b] for a, b in pairwise(bounds)]
        self.shards = [Shard(m, p) for m in range(len(self.surveys)) for p in range(parts)]

    def ask_shards(self, mine: list[Shard], title: str, **share: int) -> list[Part]:
        """Ask some shards together; `share` says what this task has of the limits."""
        see_working_folder()
        surveys = [self.surveys[shard.model] for shard in mine]
        people = [self.parts[shard.part] for shard in mine]
        pairs = list(zip(surveys, people, strict=True))
        own = [self.ask_own(survey, personas) for survey, personas in pairs]
        batches = [list(survey.planned(personas)) for survey, personas in pairs]
        first, progress = self.ask_some(surveys, batches, title, **share)
        singles = [replies.singles for replies in first]
        rest, more = self.ask_some(surveys, singles, f"{title}, singly", **share)
        usages = usages_of(len(mine), progress, more)
        return [
            Part(
                shard=shard,
                replies=as_rows([*alone, *batched.answers, *single.answers]),
                gaps=[*batched.gaps, *single.gaps],
                usage=usage,
            )
            for shard, alone, batched, single, usage in zip(
                mine, own, first, rest, usages, strict=True
            )
        ]

    def ask_own(self, survey: Survey, personas: list[str]) -> list[TextAnswer]:
        """The answers of systems that answer by themselves."""
        if not survey.own_systems():
            return []
        return ask_own_systems(survey, personas, open_store(located(self.store_path)))

    def ask_some(
        self,
        surveys: list[Survey],
        planned: list[list[PlannedRequest]],
        title: str,
        **share: int,
    ) -> tuple[list[Replies], Progress]:
        """Ask the models of some shards in one pass; what comes back, read."""
        if not any(planned):
            return [Replies([], [], []) for _ in surveys], Progress(planned=0)
        work = list(zip(surveys, planned, strict=True))
        runs, progress = self.ask_parts(
            [(survey.requests(mine), len(mine)) for survey, mine in work], title, **share
        )
        told = zip(work, runs, strict=True)
        return [survey.read(mine, results) for (survey, mine), results in told], progress

    def mend_gaps(self, tasks: list[Any]) -> tuple[list[list[TextAnswer]], dict[str, Any]]:
        """For each model the answers that asking once more gives; and what that used."""
        requests = [
            list(self.surveys[t.shard.model].requests(gap.planned for gap in t.gaps)) for t in tasks
        ]
        failures = [[gap.failure for gap in t.gaps] for t in tasks]
        gaps = list(zip(requests, failures, strict=True))
        results, progress = self.mend(gaps, "asking once more")
        mended = iter(results)
        answers: list[list[TextAnswer]] = [[] for _ in self.surveys]
        for task in tasks:
            mine = list(islice(mended, len(task.gaps)))
            again = [(g.planned, r) for g, r in zip(task.gaps, mine, strict=True) if r is not None]
            survey = self.surveys[task.shard.model]
            read = survey.read([one for one, _ in again], [result for _, result in again])
            answers[task.shard.model] += read.answers
        return answers, usage_entry(progress)


def as_rows(answers: list[TextAnswer]) -> Rows:
    """Answers as a table."""
    return Rows.of((answer._asdict() for answer in answers), REPLY_SCHEMA)
