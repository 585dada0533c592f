"""Settings that no run can use are refused in one line, before anything is spent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flows.asking_parameters import AskingParameters, check_store
from flows.calibration_start import CalibrationStart
from flows.report import check_name
from inference import PlumblineError, resolve
from inference.errors import StoreError


class Given:
    """The parameters of a calibration, without Metaflow."""

    execution, max_failure_rate, num_repeats, n_resamples = "live", 0.01, 3, 2000
    limit = export_for_labelling = 0
    output_dataset_path = "local_results/calibration"

    def __init__(self, **given: Any) -> None:
        self.__dict__.update(given)

    def check_number(self, *words: Any) -> None:
        AskingParameters.check_number(self, *words)  # type: ignore[arg-type]

    def check_asking(self) -> None:
        AskingParameters.check_asking(self)  # type: ignore[arg-type]

    def name_of_run(self) -> str:
        return "Flow-1"


@pytest.mark.parametrize(
    "given", [{"n_resamples": 10**12}, {"n_bootstraps": 100_001}, {"num_repeats": 1_000_000}]
)
def test_numbers_that_no_run_can_hold(given: dict[str, int]) -> None:
    CalibrationStart.check_settings(Given())  # type: ignore[arg-type]
    (name,) = given
    with pytest.raises(PlumblineError, match=f"--{name} is .* or less"):
        CalibrationStart.check_settings(Given(**given))  # type: ignore[arg-type]


def test_an_empty_output_path_is_refused() -> None:
    with pytest.raises(PlumblineError, match="--output_dataset_path is empty"):
        CalibrationStart.check_settings(Given(output_dataset_path=" "))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["../../esc", "a/b", "a\\b", "..", ".hidden", "", "x" * 300])
def test_a_report_stays_in_its_folder(name: str) -> None:
    check_name("Report of May-2.1")
    with pytest.raises(PlumblineError, match="no folder name") as caught:
        check_name(name)
    assert len(str(caught.value)) < 200


def test_a_store_that_takes_nothing_is_refused(tmp_path: Path) -> None:
    model = resolve("m" * 300, "http://127.0.0.1:1/v1")
    with pytest.raises(StoreError, match="File name too long"):
        check_store(str(tmp_path), [resolve("sim/steadfast"), model])
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "simulated-steadfast").write_text("no folder")
    with pytest.raises(StoreError, match="simulated-steadfast"):
        check_store(str(tmp_path / "other"), [resolve("sim/steadfast")])
