"""A report on a judge that was asked otherwise is refused, whoever applies it."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest

from calibration.applied import fitting
from calibration.asked import Asked, asked_of, sampling_words
from calibration.errors import CalibrationError
from calibration.manners import BOTH, ONE
from inference import Sampling

SAMPLING = Sampling(temperature=0.1, top_p=0.9, max_tokens=2048)
ASKED = Asked("j", ONE, "rubric", SAMPLING)


def report(**notes: str | None) -> Any:
    noted = {name: note for name, note in notes.items() if note}
    there = SimpleNamespace(judge_id="j", notes=noted, known_answers=1)
    there.in_manner = lambda manner: there
    return there


def with_sampling(sampling: Sampling) -> Asked:
    return replace(ASKED, sampling=sampling)


@pytest.mark.parametrize("noted", [sampling_words(SAMPLING), "temperature 0.1, top_p 0.9", None])
def test_the_same_sampling_fits_and_what_is_unknown_is_not_compared(noted: str | None) -> None:
    assert fitting(report(sampling=noted), ASKED)
    assert fitting(report(sampling=noted), replace(ASKED, sampling=None))


@pytest.mark.parametrize(
    "other",
    [
        replace(SAMPLING, temperature=0.7),
        replace(SAMPLING, top_p=0.95),
        replace(SAMPLING, max_tokens=64),
        replace(SAMPLING, thinking=True),
        replace(SAMPLING, temperature=None, top_p=None),
    ],
)
def test_other_sampling_is_refused_in_one_line(other: Sampling) -> None:
    with pytest.raises(CalibrationError, match=r"judge 'j' was calibrated with .*calibrate it so"):
        fitting(report(sampling=sampling_words(SAMPLING)), with_sampling(other))


def test_an_old_report_is_compared_as_far_as_it_goes() -> None:
    old = report(sampling="temperature 0.1, top_p 0.9")
    assert fitting(old, with_sampling(replace(SAMPLING, max_tokens=64)))
    with pytest.raises(CalibrationError, match=r"was calibrated with temperature 0\.5"):
        fitting(report(sampling="temperature 0.5, top_p 0.9"), ASKED)


def test_a_dataset_tells_by_its_rows_and_its_manifests() -> None:
    rows = pa.table({"judge_model": ["j"], "judge_order": ["forward+reversed"]})
    noted = {"judge": {"id": "j", "sampling": {"temperature": 0.1, "of_later": 1}}}
    assert asked_of(rows) == Asked("j", BOTH)
    assert asked_of(rows, {}, noted | {"judge_prompt_hash": "a"}, {"judge_prompt_hash": "b"}) == (
        Asked("j", BOTH, "a", Sampling(temperature=0.1))
    )
    mixed = pa.table({"judge_model": ["j"] * 2, "judge_order": ["forward", "reversed"]})
    with pytest.raises(CalibrationError, match="different orders"):
        asked_of(mixed)
