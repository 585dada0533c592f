"""A judge report, read wherever it is."""

from __future__ import annotations

from typing import Any

from calibration.errors import CalibrationError
from flows.remote import at_hand
from inference.errors import PlumblineError


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
