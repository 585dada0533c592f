"""What a calibration leaves in a judge's folder: report, tables, pictures, pages, manifest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from calibration.estimate import Estimate
from calibration.report import JudgeReport
from calibration.thresholds import Check
from reporting.calibration_figure import bar
from reporting.calibration_page import markdown, page, page_title, shown, verdict_line
from reporting.calibration_plots import PICTURES, save_all
from reporting.calibration_tables import FILES, measure_name, tables
from reporting.files import write_json, write_text
from reporting.style import number, with_interval

REPORT = "judge_report.json"


def write_calibration(
    report: JudgeReport, folder: Path, manifest: dict[str, Any], texts: pd.DataFrame | None = None
) -> str:
    """Write everything; returns the summary for the terminal.

    The manifest is written last, so that its being there means that the rest is complete. Files of
    an earlier run of the same work that this one has nothing for are taken away.
    """
    folder.mkdir(parents=True, exist_ok=True)
    pictures = [f"{name}.{kind}" for name in PICTURES for kind in ("png", "svg")]
    for name in ("manifest.json", REPORT, *FILES, *pictures):
        (folder / name).unlink(missing_ok=True)
    for name, table in tables(report, texts).items():
        write_text(folder / name, table.to_csv(index=False))
    save_all(report, folder, f"{manifest['flow']} run {manifest['run_id']}.")
    write_text(folder / "judge_report.md", markdown(report, folder))
    write_text(folder / "judge_report.html", page(report, folder))
    write_text(folder / REPORT, report.to_json())
    write_json(folder / "manifest.json", manifest)
    return summary(report)


def write_sheet(csv_text: str, html_text: str, drawn: Any, folder: Path) -> Path:
    """The sheet for people to label, its page, and (for the organiser) what it was drawn from."""
    target = folder / "labelling"
    write_text(target / "sheet.csv", csv_text)
    write_text(target / "sheet.html", html_text)
    counts = pd.DataFrame(list(drawn), columns=["Judged as", "Drawn", "Available"])
    write_text(target / "drawn_from.csv", counts.to_csv(index=False))
    return target


def summary(report: JudgeReport) -> str:
    """The report in a screenful of text."""
    lines = [page_title(report), "", f"  {verdict_line(report)}", ""]
    known = report.known_answers
    if known is not None:
        lines += [f"  {'measure':<28}{'passes at':>10}{'fails beyond':>14}   measured"]
        lines += [_check_line(check) for check in known.checks]
        lines += ["", f"  {'known-answer set':<42}{'expected':>9}   measured PAC"]
        lines += [
            f"  {result.name:<42}{result.expected_pac:>9.0f}   {with_interval(bar(result.pac))}"
            f", {result.valid} of {result.planned} valid"
            for result in known.sets
        ]
    lines += ["", *(f"  {line}" for line in _rest(report))]
    return "\n".join(lines)


def _check_line(check: Check) -> str:
    limits = f"{check.threshold.pass_at:>10g}{check.threshold.fail_at:>14g}"
    name = measure_name(check.threshold.measure)
    return f"  {name:<28}{limits}   {_words(check.estimate)}  {check.verdict}"


def _words(estimate: Estimate, digits: int = 2) -> str:
    if not estimate.defined:
        return f"undefined ({estimate.reason})"
    return with_interval(bar(estimate), digits=digits)


def _rest(report: JudgeReport) -> list[str]:
    """One line a section beyond the known answers."""
    lines = []
    for effect in report.order or ():
        if effect.verdict == "score" or (effect.p_adjusted or 1) < 0.05:
            p_value = "" if effect.p_value is None else f", exact p {shown(effect.p_value)}"
            lines.append(
                f"order ({effect.verdict}): {_words(effect.identical)} identical, "
                f"mean shift {_words(effect.mean_shift)}{p_value}"
            )
    if report.repeatability is not None:
        found = report.repeatability
        lines.append(
            f"repeats: within-item sd {_words(found.within_sd)}, "
            f"share of the variance {_words(found.noise_share)}"
        )
    if report.jury is not None:
        lines.append(f"jury: PAC {_words(report.jury.pac, 1)}, alpha {_words(report.jury.alpha)}")
    lines += [
        f"self-preference ({row.candidate}, {row.relation}): {_words(row.difference)}"
        for row in report.self_preference or ()
    ]
    return lines + _people_lines(report)


def _people_lines(report: JudgeReport) -> list[str]:
    lines = []
    if report.people is not None:
        lines += [
            f"people: kappa of {pair.first} and {pair.second} {_words(pair.score)}"
            for pair in report.people.pairs
        ]
    if report.alt_test is not None:
        test = report.alt_test
        rate = test.skipped or f"winning rate {number(test.winning_rate or 0.0, 2)}"
        lines.append(f"alternative annotator test: {rate}")
    if report.corrected_by_people is not None:
        for part in (report.corrected_by_people.pac, report.corrected_by_people.ref):
            raw, right = _words(part.raw, 1), _words(part.corrected, 1)
            lines.append(f"{part.measure} by people: raw {raw}, corrected {right}")
    if report.trust_accuracy is not None:
        lines.append(f"trust and accuracy: Spearman's rho {_words(report.trust_accuracy.spearman)}")
    return lines
