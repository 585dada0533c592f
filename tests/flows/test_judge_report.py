"""A report on a judge that was asked otherwise is refused."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from flows.judge_report import check_sampling, sampling_words
from inference import Sampling
from inference.errors import PlumblineError

ASKED = Sampling(temperature=0.1, top_p=0.9, max_tokens=2048)


def report(noted: str | None) -> SimpleNamespace:
    return SimpleNamespace(judge_id="j", notes={"sampling": noted} if noted else {})


@pytest.mark.parametrize("noted", [sampling_words(ASKED), "temperature 0.1, top_p 0.9", None])
def test_the_same_sampling_fits_and_what_is_unknown_is_not_compared(noted: str | None) -> None:
    check_sampling(report(noted), ASKED)
    check_sampling(report(noted), None)


@pytest.mark.parametrize(
    "other",
    [
        replace(ASKED, temperature=0.7),
        replace(ASKED, top_p=0.95),
        replace(ASKED, max_tokens=64),
        replace(ASKED, thinking=True),
        replace(ASKED, temperature=None, top_p=None),
    ],
)
def test_other_sampling_is_refused_in_one_line(other: Sampling) -> None:
    with pytest.raises(PlumblineError, match=r"the judge j was calibrated with .*calibrate it so"):
        check_sampling(report(sampling_words(ASKED)), other)


def test_an_old_report_is_compared_as_far_as_it_goes() -> None:
    check_sampling(report("temperature 0.1, top_p 0.9"), replace(ASKED, max_tokens=64))
    with pytest.raises(PlumblineError, match=r"was calibrated with temperature 0\.5"):
        check_sampling(report("temperature 0.5, top_p 0.9"), ASKED)
