"""Output places that hold other work: refused, with what was different when they were made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flows.manifest import parameters_of
from tables.places import OtherWork, check_writable, manifest_of

_OF_THE_RUNNING = frozenset(
    [
        "batch_size",
        "execution",
        "fresh",
        "max_cost",
        "max_failure_rate",
        "num_shards",
        "plan_only",
        "output_dataset_path",
        "prices_path",
        "request_timeout",
        "requests_per_minute",
        "results_dir",
        "store_path",
        "tokens_per_minute",
        "eval_output_ds_path",
        "judge_report",
        "n_resamples",
    ]
)
"""Parameters that make no answer another one."""
_SHOWN = 3
_LONGEST = 60


def check_output(flow: Any, where: str, work: str) -> None:
    """Make sure that a result of `flow` can be written to `where` (see `check_writable`).

    Raises:
        BadPlace: it can't; other work there is told apart by its parameters, where its manifest
            has them.
    """
    try:
        check_writable(where, work)
    except OtherWork as error:
        told = differences(manifest_of(where).get("parameters"), parameters_of(flow))
        raise OtherWork(f"{error} (--output_dataset_path){told}") from None


def differences(made: Any, asked: Mapping[str, Any]) -> str:
    """What of an earlier run's parameters was not as it is now, in words; "" where nothing tells.

    A parameter that only one of them has says nothing.
    """
    if not isinstance(made, Mapping):
        return ""
    names = [
        name
        for name, value in asked.items()
        if name not in _OF_THE_RUNNING and name in made and made[name] != value
    ]
    if not names:
        return ""
    rest = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    told = ", ".join(
        f"--{name} {_short(made[name])} (now {_short(asked[name])})" for name in names[:_SHOWN]
    )
    return f"; it was made with {told}{rest}"


def _short(value: Any) -> str:
    text = " ".join(str(value).split()) or "''"
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
