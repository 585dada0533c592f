"""A judge report: read wherever it is, and refused for verdicts that were asked for otherwise."""

from __future__ import annotations

from typing import Any

from calibration.errors import CalibrationError
from flows.remote import at_hand
from inference.errors import PlumblineError
from inference.request import Sampling


def read_report(place: str) -> Any:
    """The judge report in a file, or in the folder of a calibration; on S3 or a local disk.

    Raises:
        PlumblineError: there is none, or it can't be read.
    """
    from calibration.report import JudgeReport

    try:
        path = at_hand(place)
        path = path / "judge_report.json" if path.is_dir() else path
        return JudgeReport.from_json(path.read_text(encoding="utf-8"))
    except CalibrationError as error:
        raise PlumblineError(f"{place}: {error}") from None
    except (OSError, UnicodeDecodeError, PlumblineError):
        raise PlumblineError(
            f"there is no judge report at {place}: calibration_flow.py makes one"
        ) from None


def sampling_words(sampling: Sampling) -> str:
    """How a judge is asked, as a judge report notes it."""
    words = [
        f"temperature {sampling.temperature}",
        f"top_p {sampling.top_p}",
        f"max_tokens {sampling.max_tokens}",
    ]
    return ", ".join([*words, *(["thinking"] if sampling.thinking else [])])


def check_sampling(report: Any, sampling: Sampling | None) -> None:
    """Refuse a report on a judge that was asked with other sampling parameters.

    Its error rates are those of another judge. What is not known of either is not compared.

    Raises:
        PlumblineError: so it is.
    """
    noted = report.notes.get("sampling")
    if not noted or sampling is None:
        return
    calibrated, asked = noted.split(", "), sampling_words(sampling).split(", ")
    of_old = not any(word.startswith("max_tokens") for word in calibrated)
    if calibrated != (asked[: len(calibrated)] if of_old else asked):
        raise PlumblineError(
            f"the judge {report.judge_id} was calibrated with {noted}, the verdicts are asked "
            f"with {', '.join(asked)}: ask with the same, or calibrate it so"
        )
