"""How a persona data set begins: its parameters, its writer and checker, the names of things."""

from __future__ import annotations

from pathlib import Path

from metaflow import Parameter

from benchmarks.steerability.generation.duplicates import THRESHOLD, check_threshold
from benchmarks.steerability.generation.frameworks import BUILT_IN, load_framework, personas_table
from benchmarks.steerability.generation.rounds import asks, open_books
from benchmarks.steerability.generation.workshop import Workshop
from flows.asking import AskingFlow
from flows.manifest import hash_of, merge_usage
from flows.naming import claim_results
from flows.remote import staged
from inference import PlumblineError, Sampling
from inference.embeddings import embedding_model
from inference.models import check_keys
from inference.rules import effective
from tables.places import check_writable, standing

LOCAL = "local"
TABLES = ("personas", "statements")


class PersonaStart(AskingFlow):
    """Everything that is settled before anything is sent.

    Attributes:
        workshop: who writes for whom, and who checks.
        simulated: whether one of them is.
        rounds: a row for each round that is over.
    """

    workshop: Workshop
    simulated: bool
    rounds: list[dict[str, int]]

    model_id = Parameter("model_id", help="the model that writes", required=True)
    checker_model_id = Parameter(
        "checker_model_id", help="the second model, which checks each label", required=True
    )
    frameworks = Parameter(
        "frameworks",
        help=f"{', '.join(BUILT_IN)} or YAML files, comma-separated",
        default=",".join(BUILT_IN),
    )
    num_statements = Parameter(
        "num_statements", help="statements of each kind a persona", default=30
    )
    max_personas = Parameter("max_personas", help="first so many personas (0: all)", default=0)
    max_rounds = Parameter("max_rounds", help="rounds at most", default=8)
    generation_batch_size = Parameter(
        "generation_batch_size", help="statements a request", default=10
    )
    surplus = Parameter("surplus", help="statements to ask for, for each one missing", default=1.25)
    embeddings = Parameter(
        "embeddings",
        help="embedding model, or local (TF-IDF of character n-grams)",
        default="text-embedding-3-small",
    )
    embeddings_url = Parameter(
        "embeddings_url", help="OpenAI-compatible endpoint of the embedding model", default=""
    )
    similarity_threshold = Parameter(
        "similarity_threshold", help="largest cosine of two statements", default=THRESHOLD
    )
    output_path = Parameter(
        "output_path", help="folder of the data set", default="local_results/personas"
    )
    output_dataset_path = Parameter(
        "output_dataset_path",
        help="also save both tables as datasets: folder, s3:// or Hub id; -personas and "
        "-statements are appended",
        default="",
    )
    random_state = Parameter("random_state", help="seed of topics and order", default=42)
    batch_size = Parameter("batch_size", help="requests in flight for each model", default=128)
    temperature = Parameter("temperature", help="of the writer", default=1.0)
    max_tokens = Parameter("max_tokens", help="longest answer", default=4096)

    def begin(self) -> None:
        """Load the frameworks, check the models, their keys and the places to write.

        Raises:
            PlumblineError: something of it can't be; nothing has been sent.
        """
        self.check_asking()
        check_threshold(self.similarity_threshold)
        self.check_number("surplus", 1, "1 or more")
        self.workshop = self.make_workshop()
        models = [self.workshop.writer, self.workshop.checker]
        self.simulated = any(model.provider == "simulated" for model in models)
        self.check_models(models)
        self.check_embeddings()
        ids = self.workshop.personas["persona_id"].tolist()
        self.books = open_books(ids, self.num_statements, self.max_rounds)
        asks(self.books, self.generation_batch_size, self.surplus)  # refuses impossible numbers
        self.rounds, self.usage = [], merge_usage([])
        claim_results(self.folder(), self.work())
        for place in self.datasets():
            check_writable(place, self.work())

    def make_workshop(self) -> Workshop:
        """Who writes for whom, and who checks."""
        names = [part.strip() for part in self.frameworks.split(",") if part.strip()]
        if not names:
            raise PlumblineError(f"--frameworks is empty; give {', '.join(BUILT_IN)} or YAML files")
        personas = personas_table(load_framework(name) for name in names)
        if self.max_personas > 0:
            personas = personas.head(self.max_personas)
        writer, checker = self.model_of(self.model_id), self.model_of(self.checker_model_id)
        wanted = Sampling(temperature=self.temperature, max_tokens=self.max_tokens)
        strict = Sampling(temperature=0.0, max_tokens=self.max_tokens)
        return Workshop(
            personas,
            writer,
            effective(writer, wanted),
            checker,
            effective(checker, strict),
            self.generation_batch_size,
            self.random_state,
            self.fresh_id(),
        )

    def check_embeddings(self) -> None:
        """Refuse an embedding model without its key, or without a price under a budget."""
        if self.embeddings == LOCAL:
            return
        try:
            model = embedding_model(self.embeddings, self.embeddings_url)
            if self.max_cost:
                self.prices().must_have(model)
            check_keys([model])
        except PlumblineError as error:
            raise PlumblineError(f"{error}; or use --embeddings local") from None

    def work(self) -> str:
        """A name for this work."""
        shop = self.workshop
        return hash_of(
            "persona_dataset",
            shop.personas.to_dict("records"),
            [shop.writer.identity(), shop.writer_sampling],
            [shop.checker.identity(), shop.checker_sampling],
            [self.num_statements, self.max_rounds, self.surplus, shop.batch_size],
            shop.random_state,
            [self.embeddings, self.embeddings_url, self.similarity_threshold],
        )

    def folder(self) -> Path:
        """The folder of the data set."""
        return staged(self.results_dir or self.output_path)

    def datasets(self) -> list[str]:
        """Where the tables go as datasets, in the order of `TABLES`; empty if they don't."""
        where = self.output_dataset_path
        return [standing(f"{where}-{name}") for name in TABLES] if where else []
