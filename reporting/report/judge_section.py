"""The tab of judges: what is known of each, beside the runs whose scores depend on it."""

from __future__ import annotations

from typing import Any

from calibration.estimate import Estimate
from calibration.known_answers import KnownAnswers
from calibration.report import JudgeReport
from calibration.thresholds import Check
from reporting.calibration_words import VERDICTS, in_words, judge_title, percent
from reporting.report import blocks
from reporting.report.assemble import Report
from reporting.report.blocks import Block, column

SHARE_TO_PERCENT = 100.0


def judges_tab(report: Report) -> list[Block]:
    """Every judge that a score depends on, and every judge with a report."""
    depends: dict[str, list[str]] = {}
    for reading in report.readings:
        # In EigenBench every model judges: its own tab says how.
        for judge in reading.judges if reading.benchmark == "val_bench" else ():
            depends.setdefault(judge, []).append(reading.run.name)
    judges = sorted({*depends, *report.judge_reports})
    measured = [j for j in judges if j in report.judge_reports]
    parts: list[Block] = [
        blocks.text(
            "A score is as good as its judge. A judge report measures a judge on pairs whose right "
            "verdict is known, and on itself: in both orders, asked again, against other judges "
            "and people."
        ),
        overview(judges, depends, report),
    ]
    for judge in measured:
        parts += one_judge(report.judge_reports[judge].report)
    return parts


def overview(judges: list[str], depends: dict[str, list[str]], report: Report) -> Block:
    """One row a judge."""
    rows = []
    for judge in judges:
        found = report.judge_reports.get(judge)
        known = found.report.known_answers if found else None
        rows.append(
            {
                "judge": judge,
                "verdict": found.report.verdict if found else "not measured",
                "accuracy": estimate_cell(known.accuracy, SHARE_TO_PERCENT) if known else None,
                "invalid": estimate_cell(known.invalid_rate, SHARE_TO_PERCENT) if known else None,
                "runs": len(set(depends.get(judge, []))),
            }
        )
    columns = [
        column("judge", "Judge", "model"),
        column("verdict", "Calibration", "chip"),
        column(
            "accuracy",
            "Right verdicts",
            "interval",
            digits=1,
            unit="%",
            limits=[0, 100],
            plot=True,
            whole=True,
            about="Share of known answers judged exactly right",
        ),
        column(
            "invalid",
            "Invalid",
            "interval",
            digits=1,
            unit="%",
            limits=[0, 100],
            plot=True,
            whole=True,
        ),
        column("runs", "Runs that depend on it", "number", digits=0),
    ]
    return blocks.table(columns, rows)


def one_judge(report: JudgeReport) -> list[Block]:
    """The sections of one judge report that a reader needs first."""
    parts: list[Block] = [blocks.heading(judge_title(report.judge_id))]
    if report.warning:
        tone = "bad" if report.verdict == "fail" else "warn"
        parts.append(blocks.notice(report.warning, tone))
    if report.known_answers is not None:
        parts += known_answer_blocks(report.known_answers)
    lines = reliability(report)
    if lines:
        columns = [column("what", "Reliability"), column("value", "Measured")]
        parts.append(blocks.table(columns, lines))
    missing = {k: v for k, v in report.absent.items() if v != "not asked for"}
    if missing:
        told = [f"{name.replace('_', ' ')}: {reason}" for name, reason in missing.items()]
        parts.append(blocks.notice("Not measured:", "info", told))
    return parts


def known_answer_blocks(known: KnownAnswers) -> list[Block]:
    """Sets, limits, and the worst disagreements in the judge's words."""
    parts = [_sets(known), _checks(known)]
    if known.worst:
        title = f"The {len(known.worst)} worst disagreements"
        parts.append(blocks.fold(title, [_disagreements(known)]))
    return parts


def _sets(known: KnownAnswers) -> Block:
    percent: dict[str, Any] = {"digits": 1, "limits": [0, 100], "plot": True, "whole": True}
    columns = [
        column("set", "Known answers"),
        column("expected", "PAC of a perfect judge", "number", digits=0),
        column("pac", "Measured PAC", "interval", **percent),
        column("accuracy", "Right", "interval", unit="%", **percent),
        column("valid", "Valid verdicts"),
    ]
    rows = [
        {
            "set": s.name,
            "expected": s.expected_pac,
            "pac": estimate_cell(s.pac),
            "accuracy": estimate_cell(s.accuracy, SHARE_TO_PERCENT),
            "valid": f"{s.valid} of {s.planned}",
        }
        for s in known.sets
    ]
    return blocks.table(columns, rows)


def _checks(known: KnownAnswers) -> Block:
    columns = [
        column("measure", "Check"),
        column("measured", "Measured"),
        column("limit", "Limits"),
        column("verdict", "Verdict", "chip"),
        column("reason", "Why"),
    ]
    rows = [
        {
            "measure": c.threshold.meaning,
            "measured": _measured(c),
            "limit": _limits(c),
            "verdict": c.verdict,
            "reason": c.reason,
        }
        for c in known.checks
    ]
    return blocks.table(columns, rows)


def _measured(check: Check) -> str:
    """What was measured, shares as percent."""
    share = check.threshold.unit == "share"
    return percent(check.estimate) if share else in_words(check.estimate, 1)


def _limits(check: Check) -> str:
    """The limits in the unit of what was measured."""
    share = check.threshold.unit == "share"
    factor, unit = (SHARE_TO_PERCENT, "%") if share else (1.0, "")
    ends = (check.threshold.pass_at, check.threshold.fail_at)
    passing, failing = (f"{factor * end:g}{unit}" for end in ends)
    return f"pass {passing}, fail {failing}"


def _disagreements(known: KnownAnswers) -> Block:
    columns = [
        column("set", "Set"),
        column("expected", "Known"),
        column("judged", "Judged"),
        column("words", "In the judge's words"),
    ]
    rows = [
        {"set": d.set, "expected": d.expected, "judged": d.judged, "words": d.words[:600]}
        for d in known.worst
    ]
    return blocks.table(columns, rows)


def reliability(report: JudgeReport) -> list[dict[str, Any]]:
    """Order, repeats, jury and people in one line each."""
    lines = []
    for effect in report.order or ():
        words = f"{percent(effect.identical)} judged alike in both orders ({effect.n} items)"
        verdict = VERDICTS.get(effect.verdict, effect.verdict)
        lines.append({"what": f"Order: {verdict}", "value": words})
    if report.repeatability is not None:
        noise = percent(report.repeatability.noise_share)
        lines.append({"what": "Asked again", "value": f"share of variance that is noise {noise}"})
    if report.jury is not None:
        alpha = in_words(report.jury.alpha)
        lines.append({"what": "Other judges", "value": f"Krippendorff's alpha {alpha}"})
    for own in report.self_preference or ():
        excess = in_words(own.excess)
        lines.append({"what": f"Own kind ({own.candidate})", "value": f"excess {excess}"})
    if report.people is not None:
        alpha = in_words(report.people.alpha_with_judge)
        lines.append({"what": "People", "value": f"alpha of people and judge {alpha}"})
    if report.trust_accuracy is not None:
        rho = in_words(report.trust_accuracy.spearman)
        lines.append({"what": "Trust and accuracy", "value": f"rank correlation {rho}"})
    return lines


def estimate_cell(estimate: Estimate, factor: float = 1.0) -> Block | None:
    """An estimate as a table cell."""
    scaled = estimate.scaled(factor)
    if scaled.value is None:
        return None
    return {"v": scaled.value, "lo": scaled.low, "hi": scaled.high, "note": scaled.reason or ""}
