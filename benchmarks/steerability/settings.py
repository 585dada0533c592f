"""The settings of a run, from the command line and from a JSON config together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks.steerability.conditions import FEW_SHOT, FEW_SHOT_NAMED, few_shot_name
from benchmarks.steerability.config import LoadedConfig
from benchmarks.steerability.errors import SteerabilityError

BUILT_IN_DATA = "builtin:personas"
LARGEST_SEED = 2**32 - 1
"""Of numpy's and scikit-learn's generators."""
DEFAULTS: dict[str, Any] = {
    "personas_path": BUILT_IN_DATA,
    "model_id": "",
    "observations_path": "",
    "max_personas": 0,
    "random_state": 42,
    "n_steer_observations_per_persona": "4",
    "max_observations": 0,
    "split": "seeded",
    "steerable_system": "",
    "include_persona": False,
    "include_observations": True,
    "batched_inference": True,
    "inference_batch_size": 10,
    "foils": 0,
    "temperature": 0.0,
    "inference_url": "",
    "results_dir": "",
}
"""Parameters that a config may set too, with the values they have where nobody sets them."""


@dataclass(frozen=True)
class Settings:
    """What a run does. The names are those of the published config where it has one.

    Attributes:
        model_id: one or several model ids, comma-separated; "" where no system needs a model.
        personas_path, observations_path: where the two tables are.
        max_personas, max_observations, random_state, split, foils: see `splits` and `plan`.
        n_steer: counts of steering statements, ascending.
        systems: built-in names or package.module:Class.
        system_config: keyword arguments for the user's own classes.
        inference_batch_size: statements a request.
        temperature: of the answers.
        inference_url, results_dir: "" for none.
        notes: what a reader should know of how these came about.
    """

    model_id: str
    personas_path: str
    observations_path: str
    max_personas: int
    max_observations: int
    random_state: int
    split: str
    foils: int
    n_steer: tuple[int, ...]
    systems: tuple[str, ...]
    system_config: dict[str, Any]
    inference_batch_size: int
    temperature: float
    inference_url: str
    results_dir: str
    notes: tuple[str, ...] = ()

    @property
    def can_reverse(self) -> bool:
        """Whether a few-shot system runs, whose labels can be exchanged."""
        return any(name in (FEW_SHOT, FEW_SHOT_NAMED) for name in self.systems)


def settle(given: Mapping[str, Any], config: LoadedConfig | None = None) -> Settings:
    """Merge the command line with a config.

    Args:
        given: every parameter of `DEFAULTS`. What differs from its default was asked for and wins
            over the config; what does not gives way to it.
        config: None for none.

    Raises:
        SteerabilityError: a number or a combination makes no sense.
    """
    values, notes = dict(given), list(config.notes) if config else []
    for name, value in _of(config).items():
        if given[name] == DEFAULTS[name]:
            values[name] = value
        elif given[name] != value:
            notes.append(f"--{name} {given[name]} wins over {value} of the config")
    if config is None and not values["batched_inference"]:
        values["inference_batch_size"] = 1
    if not 0 <= values["random_state"] <= LARGEST_SEED:
        raise SteerabilityError(
            f"random_state is {values['random_state']}; give a number from 0 to {LARGEST_SEED}"
        )
    systems = _names(values["steerable_system"])
    if not systems:
        systems = (few_shot_name(values["include_persona"], values["include_observations"]),)
    return Settings(
        n_steer=parse_counts(values["n_steer_observations_per_persona"]),
        systems=systems,
        system_config=config.system_config if config else {},
        observations_path=_observations(values["personas_path"], values["observations_path"]),
        notes=tuple(notes),
        **{name: values[name] for name in _AS_THEY_ARE},
    )


_AS_THEY_ARE = (
    "model_id",
    "personas_path",
    "max_personas",
    "max_observations",
    "random_state",
    "split",
    "foils",
    "inference_batch_size",
    "temperature",
    "inference_url",
    "results_dir",
)


def _of(config: LoadedConfig | None) -> dict[str, Any]:
    """A config's parameters; its built-in system is named by what it includes."""
    if config is None:
        return {}
    found = dict(config.parameters)
    if ":" not in found.get("steerable_system", ""):
        found.pop("steerable_system", None)
        found = {"include_persona": True, "include_observations": True} | found
    return found


def parse_counts(value: int | str) -> tuple[int, ...]:
    """Counts of steering statements from 4, "4" or "0,2,4,8".

    Raises:
        SteerabilityError: one is no whole number, or is negative.
    """
    parts = [part.strip() for part in str(value).split(",") if part.strip()]
    if not parts or not all(part.isdigit() for part in parts):
        raise SteerabilityError(
            f"n_steer_observations_per_persona is {value!r}; give a number, or several as 0,2,4,8"
        )
    return tuple(sorted({int(part) for part in parts}))


_URLS = ("http://", "https://")
_FILES = (".csv", ".json", ".jsonl", ".parquet", ".arrow")


def _names(value: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(part.strip() for part in value.split(",") if part.strip()))


def _observations(personas_path: str, observations_path: str) -> str:
    """Where the statements are; "" where they come with the personas."""
    if observations_path or personas_path.startswith("builtin:"):
        return observations_path
    if not personas_path.startswith(_URLS) and not personas_path.endswith(_FILES):
        return ""  # a folder, here or on S3, that may hold both
    raise SteerabilityError(
        f"the personas come from {personas_path}; give their statements with --observations_path"
    )
