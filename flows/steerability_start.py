"""How a steerability run begins: its parameters, its data, its plan and what that would cost."""

from __future__ import annotations

import math
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from metaflow import Parameter

from benchmarks.steerability.conditions import conditions
from benchmarks.steerability.config import LoadedConfig, parse_config
from benchmarks.steerability.data import PERSONA_COLUMNS, PersonaData, check_data
from benchmarks.steerability.estimate import estimate_tokens
from benchmarks.steerability.plan import SINGLE_CHECK_SHARE, make_plan
from benchmarks.steerability.settings import DEFAULTS, Settings, settle
from benchmarks.steerability.splits import split as split_personas
from benchmarks.steerability.survey import Survey, Systems
from flows.asking import AskingFlow
from flows.files import file_parameter
from flows.manifest import fingerprint, hash_of
from flows.naming import results_folder
from flows.persona_tables import read_persona_tables
from flows.plan_figures import BATCH_NOTE, dollars
from flows.plan_parameter import PlanParameter
from inference import PlumblineError, Sampling, Usage
from inference.models import resolve_all
from inference.rules import effective
from inference.usage import show_cost


def setting(name: str, help: str, **options: Any) -> Any:
    """A parameter that a config may set too."""
    return Parameter(name, help=help, default=DEFAULTS[name], **options)


class SteerabilityStart(AskingFlow, PlanParameter):
    """Everything that is settled before anything is sent."""

    model_id = setting("model_id", help="one or several model ids, comma-separated")
    config_path = file_parameter("config_path", help="parameters from a JSON file, as published")
    personas_path = setting("personas_path", help="CSV, URL, folder, Hub id or builtin:personas")
    observations_path = setting(
        "observations_path", help="their statements; not needed for builtin:"
    )
    max_personas = setting("max_personas", help="personas to draw (0: all)")
    random_state = setting("random_state", help="seed of every choice")
    n_steer_observations_per_persona = setting(
        "n_steer_observations_per_persona", help="steering statements, several for a curve: 0,2,4,8"
    )
    max_observations = setting("max_observations", help="test statements a persona (0: all)")
    split = setting("split", help="seeded or published")
    steerable_system = setting(
        "steerable_system",
        help="few_shot, few_shot_named, description_only, random, package.module:Class; several "
        "comma-separated",
    )
    include_persona = setting(
        "include_persona", help="show the persona's name (few_shot_named)", type=bool
    )
    include_observations = setting("include_observations", help="show its statements", type=bool)
    baseline = Parameter("baseline", help="also ask unsteered", type=bool, default=True)
    both_directions = Parameter(
        "both_directions", help="also steer away, labels exchanged", type=bool, default=True
    )
    batched_inference = setting(
        "batched_inference", help="false: one statement a request", type=bool
    )
    inference_batch_size = setting("inference_batch_size", help="statements a request")
    check_share = Parameter(
        "check_share",
        help="share of batched answers asked again singly",
        default=SINGLE_CHECK_SHARE,
    )
    foils = setting("foils", help="others each persona is scored against (0: all)")
    batch_size = Parameter("batch_size", help="requests in flight for each model", default=128)
    temperature = setting("temperature", help="sampling temperature")
    max_tokens = Parameter("max_tokens", help="longest answer", default=1024)
    n_resamples = Parameter("n_resamples", help="resamples behind each interval", default=1000)

    def settle(self) -> Settings:
        """The command line and the config together."""
        given = {name: getattr(self, name) for name in DEFAULTS}
        settings = settle(given, self.read_config())
        if not 0 <= settings.temperature < math.inf:
            raise PlumblineError(f"temperature is {settings.temperature}; it must be 0 or more")
        return settings

    def read_config(self) -> LoadedConfig | None:
        """The config of --config_path, None where none is given."""
        return None if self.config_path is None else parse_config(self.config_path)

    def load(self) -> PersonaData:
        """The checked tables."""
        where = self.settings
        return check_data(*read_persona_tables(where.personas_path, where.observations_path))

    def make_surveys(self, data: PersonaData) -> list[Survey]:
        """How each model is asked: the same plan for all."""
        wanted = self.settings
        see_working_folder()
        systems = Systems.load(wanted.systems, wanted.system_config, wanted.random_state)
        chosen = split_personas(
            data,
            wanted.n_steer,
            method=wanted.split,
            max_personas=wanted.max_personas,
            max_observations=wanted.max_observations,
            random_state=wanted.random_state,
        )
        plan = make_plan(
            chosen,
            conditions(
                systems.names(wanted.systems),
                wanted.n_steer,
                baseline=self.baseline and bool(wanted.model_id),
                reverse=self.both_directions and wanted.can_reverse,
            ),
            batch_size=wanted.inference_batch_size,
            foils=wanted.foils,
            check_share=self.check_share,
            random_state=wanted.random_state,
        )
        asked = Sampling(temperature=wanted.temperature, max_tokens=self.max_tokens)
        alone = Survey(None, asked, plan, systems, self.fresh_id())
        return self.surveys_of_models(alone)

    def surveys_of_models(self, alone: Survey) -> list[Survey]:
        """The survey of each model; the one of none where every system answers by itself."""
        wanted, own = self.settings, alone.own_systems()
        if not wanted.model_id and len(own) == len({c.system for c in alone.plan.conditions}):
            return [alone]
        models = resolve_all(wanted.model_id, wanted.inference_url or None, self.vllm_options)
        if len(models) > 1 and any(":" in alone.systems.paths[name] for name in own):
            raise PlumblineError(
                f"{own[0]} answers by itself, whatever --model_id says; give one model, which "
                "answers the baseline, or none"
            )
        return [
            replace(alone, model=model, sampling=effective(model, alone.sampling))
            for model in models
        ]

    def tell_plan(self) -> str:
        """What is asked, and with --plan_only what it would take."""
        plan, counts = self.surveys[0].plan, self.plan_counts
        lines = [
            f"{len(plan.split.persona_ids)} personas, {len(plan.split.held_out):,} test statements "
            f"({len(plan.split.items_by_id):,} distinct); for each model "
            f"{counts['requests'].sum():,} requests",
            *(f"Note: {note}" for note in (*self.settings.notes, *plan.split.notes)),
        ]
        return "\n".join([*lines, *self.tell_costs()] if self.plan_only else lines)

    def tell_costs(self) -> list[str]:
        """Requests, tokens and cost of every condition and model."""
        first = self.surveys[0]
        names = {condition.system for condition in first.plan.conditions}
        tokens = estimate_tokens(first.plan, {name: first.systems[name] for name in names})
        columns = ["system", "n_steer", "texts_asked", "batched_requests", "check_requests"]
        table = self.plan_counts[columns].merge(tokens, on=["system", "n_steer"])
        total = Usage(*(int(tokens[f"{kind}_tokens"].sum()) for kind in ("input", "output")))
        prices = self.prices()
        lines = ["", table.to_string(index=False, na_rep="-", float_format="{:,.0f}".format), ""]
        for model in (survey.model for survey in self.surveys):
            cost = dollars(prices, model, total, self.execution) if model else None
            lines.append(
                f"{model.label if model else 'no model'}: {tokens['requests'].sum():,} requests, "
                f"{total.input:,} tokens in, {total.output:,} out, {show_cost(cost)}"
            )
            if self.max_cost and (cost or 0.0) > self.max_cost:
                lines.append(f"That is more than {self.max_cost:g} dollars, the run's --max_cost.")
        lines += [
            "Tokens: about, at four characters each. Counted whatever the store holds already.",
            "Not counted: prompt caching, second attempts, answers that are asked again singly.",
        ]
        return [*lines, BATCH_NOTE] if self.execution == "batch_api" else lines

    def work(self) -> str:
        """A name for this work: the same models steered and asked in the same way."""
        settings = asdict(self.settings)
        for name in ("notes", "results_dir", "personas_path", "observations_path"):
            del settings[name]
        plan = self.surveys[0].plan
        return hash_of(
            "steerability",
            settings,
            self.data_fingerprint,
            plan.conditions,
            plan.check_share,
            [(s.model.identity() if s.model else None, s.sampling) for s in self.surveys],
            self.n_resamples,
        )

    def folder(self) -> Path:
        """The folder of this run's results."""
        models = [survey.model.slug if survey.model else "own" for survey in self.surveys]
        several = f"{models[0]}-and-{len(models) - 1}-more" if len(models) > 1 else models[0]
        name = f"{several}-{self.work()[:8]}/steerability"
        return results_folder(self.settings.results_dir, name)


def see_working_folder() -> None:
    """A user's own class may lie where the command is given, not beside the entry file."""
    if str(Path.cwd()) not in sys.path:
        sys.path.append(str(Path.cwd()))


def fingerprint_of(data: PersonaData) -> str:
    """What the personas and statements are, whatever files they came from."""
    import pyarrow as pa

    parts = [
        pa.Table.from_pandas(data.personas[list(PERSONA_COLUMNS)], preserve_index=False),
        pa.Table.from_pandas(
            data.statements[["persona_id", "statement_id", "statement", "scenario", "is_agree"]],
            preserve_index=False,
        ),
    ]
    return hash_of(*(fingerprint(part) for part in parts))
