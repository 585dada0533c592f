"""From judgements to everything EigenBench reports: the whole analysis, top to bottom.

EigenBench: A Comparative Behavioral Measure of Value Alignment, Chang et al., arXiv 2509.01938.

    extract rows -> fit -> trust -> Elo -> companions -> error bars -> tables

`analyse` takes records in the published format; `analyse_rows` takes rows. Both return an
`result.Analysis`, whose attributes are the files a run writes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.eigenbench import tables
from benchmarks.eigenbench.bootstrap import Bootstrap, bootstrap, interval
from benchmarks.eigenbench.comparisons import Extraction, extract
from benchmarks.eigenbench.estimate import (
    Estimate,
    damping,
    elo_by_dimension,
    estimate,
    leave_one_judge_out,
    order_bias_fit,
    pretrusted_weights,
)
from benchmarks.eigenbench.options import Options
from benchmarks.eigenbench.refit import Refitter
from benchmarks.eigenbench.result import Analysis, Companions
from benchmarks.eigenbench.threads import one_thread
from benchmarks.eigenbench.trust import eigentrust, elo, uniform_judges, without_self

_TOLD_REASONS = 3


class AnalysisError(ValueError):
    """The judgements can't be analysed; the message says what is missing."""


def analyse(
    records: Iterable[Mapping[str, Any]] | pd.DataFrame,
    models: Sequence[str],
    num_criteria: int,
    options: Options | None = None,
) -> Analysis:
    """Analyse records in the published format (`records.RECORD_KEYS`).

    Parameters
    ----------
    models
        Display names from the spec; `judge`, `eval1` and `eval2` index into it.
    num_criteria
        Criteria of the constitution; tags above it are ignored.

    Raises
    ------
    AnalysisError
        If no record yields a row, or there are fewer than two models.
    """
    options = (options or Options()).resolved()
    entries = records if isinstance(records, pd.DataFrame) else list(records)
    sizes = (len(models), num_criteria)
    extraction = extract(entries, *sizes, options.procedure, options.allow_ties)
    if options.procedure == "published":
        published_rows = extraction.rows
    else:
        published_rows = extract(entries, *sizes, "published", options.allow_ties).rows
    return _analyse(extraction.rows, published_rows, models, num_criteria, options, extraction)


def analyse_rows(
    rows: pd.DataFrame, models: Sequence[str], num_criteria: int, options: Options | None = None
) -> Analysis:
    """Analyse rows as `comparisons.extract` returns them: raw, both orders, integers."""
    options = (options or Options()).resolved()
    return _analyse(rows, rows, models, num_criteria, options, None)


@one_thread
def _analyse(
    rows: pd.DataFrame,
    published_rows: pd.DataFrame,
    models: Sequence[str],
    num_criteria: int,
    options: Options,
    extraction: Extraction | None,
) -> Analysis:
    _check(rows, models, extraction)
    headline = estimate(rows, models, num_criteria, options)
    published = headline
    if options.procedure != "published":
        published = _published(published_rows, rows, models, num_criteria, options)
    refitter = Refitter(headline.cells, headline.fit)
    companions = _companions(headline, refitter, models)
    resampled = _resample(headline, refitter, models, options)
    of_published = resampled
    if published is not headline:
        of_published = _resample(
            published, Refitter(published.cells, published.fit), models, options
        )
    judges = tables.judge_table(
        rows=rows,
        models=models,
        order_bias=order_bias_fit(rows, headline),
        result=headline,
        companions_elo=companions.leave_one_out,
        resampled=resampled,
        extraction=extraction,
    )
    return Analysis(
        models=tuple(models),
        estimate=headline,
        published=published,
        companions=companions,
        bootstrap=resampled,
        extraction=extraction,
        summary=_summary(rows, models, headline, published, companions, resampled, of_published),
        pairwise_probabilities=tables.pairwise_table(resampled, models),
        trust_matrix=tables.matrix_table(headline.matrix, models),
        judges=judges,
        criteria=tables.criterion_table(headline, damping(models, options), resampled, models),
        reasons=tables.reason_table(extraction),
        elo_by_dim=elo_by_dimension(published, models),
        report=_report(headline, published, resampled, of_published, extraction),
        arrays=tables.model_arrays(headline),
        notes=_notes(headline, published, resampled),
    )


def _check(rows: pd.DataFrame, models: Sequence[str], extraction: Extraction | None) -> None:
    if len(models) < 2:
        raise AnalysisError("EigenBench compares models: the ensemble needs at least two")
    if len(set(models)) != len(models):
        raise AnalysisError("two models share a display name: every name must be unique")
    if len(rows) == 0:
        why = "" if extraction is None else _why(extraction)
        raise AnalysisError(f"no judgement yields a comparison{why}")


def _why(extraction: Extraction) -> str:
    """What most records were lost to: no table is written where there is nothing else."""
    top = extraction.summary().head(_TOLD_REASONS)
    told = [
        f"{records:,} of {extraction.num_records:,} records: {meaning}"
        for records, meaning in zip(top["records"], top["meaning"], strict=True)
    ]
    return "".join(f"; {reason}" for reason in told)


def _published(
    published_rows: pd.DataFrame,
    rows: pd.DataFrame,
    models: Sequence[str],
    num_criteria: int,
    options: Options,
) -> Estimate:
    # The published reading can lose every row (criterion 1 never answered): ours then stands in.
    used = published_rows if len(published_rows) else rows
    beside = options.as_published()
    return estimate(used, models, num_criteria, beside, dim=(beside.dims or (2,))[0])


def _companions(headline: Estimate, refitter: Refitter, models: Sequence[str]) -> Companions:
    start = pretrusted_weights(models, headline.options)
    selfless = eigentrust(without_self(headline.matrix), headline.options.alpha, start)
    return Companions(
        uniform_judges=elo(uniform_judges(headline.matrix)),
        without_self=elo(selfless.trust),
        leave_one_out=leave_one_judge_out(headline, refitter, models),
    )


def _resample(
    result: Estimate, refitter: Refitter, models: Sequence[str], options: Options
) -> Bootstrap | None:
    """Replicates of an estimate, resampled as the headline's `options` say."""
    units = None
    if options.bootstrap_unit == "scenario":
        units = result.rows["scenario_index"].to_numpy()
        if len(np.unique(units)) < 2:
            return None
    if not options.n_bootstraps or options.n_bootstraps < 2:
        return None
    return bootstrap(
        refitter,
        units,
        options.n_bootstraps,
        options.bootstrap_seed,
        options.save_trust_matrices,
        damping(models, result.options),
    )


def _summary(
    rows: pd.DataFrame,
    models: Sequence[str],
    headline: Estimate,
    published: Estimate,
    companions: Companions,
    resampled: Bootstrap | None,
    of_published: Bootstrap | None,
) -> pd.DataFrame:
    n = len(models)
    silenced = companions.leave_one_out[~np.isnan(companions.leave_one_out).all(axis=1)]
    nothing = np.full(n, np.nan)
    return tables.summary_table(
        models=models,
        elo=headline.elo,
        elo_published=published.elo,
        published_interval=None
        if of_published is None
        else interval(of_published.elo, of_published.num_units),
        trust=headline.eigentrust.trust,
        elo_uniform=companions.uniform_judges,
        elo_selfless=companions.without_self,
        as_judge=np.bincount(rows["judge"], minlength=n),
        as_evaluee=np.bincount(rows["first"], minlength=n)
        + np.bincount(rows["second"], minlength=n),
        leave_one_out=(silenced.min(axis=0), silenced.max(axis=0))
        if len(silenced)
        else (nothing, nothing),
        spread=None if resampled is None else resampled.summary(models),
    )


def _report(
    headline: Estimate,
    published: Estimate,
    resampled: Bootstrap | None,
    of_published: Bootstrap | None,
    extraction: Extraction | None,
) -> dict[str, Any]:
    return {
        "headline": tables.estimate_report(headline),
        "published": tables.estimate_report(published),
        "options": {**asdict(headline.options), "dims": list(headline.options.dims or ())},
        "coverage": extraction.coverage() if extraction is not None else None,
        "bootstrap": _bootstrap_report(resampled),
        "published_bootstrap": _bootstrap_report(of_published),
    }


def _bootstrap_report(resampled: Bootstrap | None) -> dict[str, Any] | None:
    if resampled is None:
        return None
    return {
        "unit": resampled.unit,
        "units": resampled.num_units,
        "replicates": len(resampled.elo),
        "seed": resampled.seed,
        "fitted_alone": resampled.alone,
        "infinite": resampled.infinite,
    }


def _notes(headline: Estimate, published: Estimate, resampled: Bootstrap | None) -> tuple[str, ...]:
    notes = [f"elo: {headline.title}", f"elo_published: {published.title}"]
    if headline.eigentrust.warning:
        notes.append(f"The trust matrix is {headline.eigentrust.warning}.")
    if resampled is None:
        notes.append("There are no error bars: bootstrap is off, or there is one scenario only.")
    elif resampled.unit == "comparison":
        notes.append(
            "Error bars resample single comparisons. Verdicts on one scenario share its luck, "
            "which this ignores: where scenarios matter the intervals are about 0.4 of the true "
            "width. bootstrap_unit: scenario counts it."
        )
    if resampled is not None and resampled.infinite:
        notes.append(
            f"{resampled.infinite} of {len(resampled.elo)} resamples have an infinite "
            "unpenalised maximum; they were fitted with rho = 0.01."
        )
    return tuple(notes)
