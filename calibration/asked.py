"""How the verdicts of a dataset were asked for: what a judge report must share to correct them.

The errors of a judge are those of one model with one rubric, one sampling and one manner of asking.
A dataset tells its judge and its manner by its rows, the rest by the manifest that lies beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from benchmarks.val_bench.judging import judge_of
from calibration.manners import manner_of
from inference.request import Sampling

_SLOTS = frozenset(Sampling.__slots__)


@dataclass(frozen=True)
class Asked:
    """How verdicts were asked for, as far as it is known.

    Attributes:
        judge_id: who judged; a dataset that names nobody has an unnamed judge.
        manner: in one order of the sides, the other, or both (see `manners.manner_of`).
        rubric: hash of the rubric; None where nothing tells.
        sampling: the judge's effective parameters; None where nothing tells.
    """

    judge_id: str
    manner: str
    rubric: str | None = None
    sampling: Sampling | None = None


def asked_of(judged: pa.Table, *manifests: Mapping[str, Any]) -> Asked:
    """How a judged dataset was asked for; the first manifest that tells something counts.

    Raises:
        CalibrationError: its rows were judged in different manners.
    """
    rubrics = (note.get("judge_prompt_hash") for note in manifests)
    samplings = (_sampling_of(note) for note in manifests)
    return Asked(
        judge_of(judged),
        manner_of(judged),
        next((rubric for rubric in rubrics if rubric), None),
        next((sampling for sampling in samplings if sampling is not None), None),
    )


def sampling_words(sampling: Sampling) -> str:
    """How a judge is asked, as a judge report notes it."""
    words = [
        f"temperature {sampling.temperature}",
        f"top_p {sampling.top_p}",
        f"max_tokens {sampling.max_tokens}",
    ]
    return ", ".join([*words, *(["thinking"] if sampling.thinking else [])])


def _sampling_of(manifest: Mapping[str, Any]) -> Sampling | None:
    """The judge's sampling; parameters that this version does not know are left aside."""
    judge = manifest.get("judge")
    noted = (judge.get("sampling") if isinstance(judge, Mapping) else None) or {}
    known = {name: value for name, value in noted.items() if name in _SLOTS}
    return Sampling(**known) if known else None
