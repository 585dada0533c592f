"""The tables of an EigenBench analysis, laid out as the files a run writes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.eigenbench.bootstrap import Bootstrap, interval, probability_above
from benchmarks.eigenbench.comparisons import Extraction
from benchmarks.eigenbench.estimate import Damp, Estimate
from benchmarks.eigenbench.gauge import fix_gauge
from benchmarks.eigenbench.judge_rates import RATES, judge_rates
from benchmarks.eigenbench.trust import elo as to_elo
from benchmarks.eigenbench.trust import stationary, to_trust

REASON_COLUMNS = ["reason", "records", "rows_lost", "meaning"]
COMPANION_ENDS = [
    f"{name}_{end}"
    for name in ("elo_uniform_judges", "elo_without_self", "trust")
    for end in ("low", "high")
]
SPREAD_COLUMNS = [
    *("elo_mean", "elo_sd", "elo_low", "elo_high", "rank_low", "rank_high"),
    *COMPANION_ENDS,
]
CRITERION_COLUMNS = ["criterion", "model", "elo", "elo_low", "elo_high"]
CRITERION_COLUMNS += ["trust", "trust_low", "trust_high"]
ENDS = ("", "_low", "_high")


def summary_table(
    models: Sequence[str],
    elo: np.ndarray,
    elo_published: np.ndarray,
    published_interval: tuple[np.ndarray, np.ndarray] | None,
    trust: np.ndarray,
    elo_uniform: np.ndarray,
    elo_selfless: np.ndarray,
    as_judge: np.ndarray,
    as_evaluee: np.ndarray,
    leave_one_out: tuple[np.ndarray, np.ndarray],
    spread: pd.DataFrame | None,
) -> pd.DataFrame:
    """One row per model, best first; `spread` is `Bootstrap.summary` in spec order, or None."""
    nothing = np.full(len(models), np.nan)
    if spread is None:
        spread = pd.DataFrame(dict.fromkeys(SPREAD_COLUMNS, nothing))
    published_low, published_high = published_interval or (nothing, nothing)
    table = pd.DataFrame(
        {
            "model": list(models),
            "elo": elo,
            "elo_published": elo_published,
            "elo_low": spread["elo_low"],
            "elo_high": spread["elo_high"],
            "elo_sd": spread["elo_sd"],
            "trust": trust,
            "elo_uniform_judges": elo_uniform,
            "elo_without_self": elo_selfless,
            "rank_low": spread["rank_low"].astype("Int64"),
            "rank_high": spread["rank_high"].astype("Int64"),
            "comparisons_as_judge": as_judge,
            "comparisons_as_evaluee": as_evaluee,
            "elo_mean": spread["elo_mean"],
            "elo_leave_one_out_low": leave_one_out[0],
            "elo_leave_one_out_high": leave_one_out[1],
            "elo_published_low": published_low,
            "elo_published_high": published_high,
            **{name: spread[name] for name in COMPANION_ENDS},
        }
    )
    return table.sort_values("elo", ascending=False, kind="stable", ignore_index=True)


def pairwise_table(resampled: Bootstrap | None, models: Sequence[str]) -> pd.DataFrame:
    """`model_a`, `model_b`, `probability` that a is above b, for every ordered pair."""
    columns = ["model_a", "model_b", "probability"]
    if resampled is None:
        return pd.DataFrame(columns=columns)
    above = probability_above(resampled.elo)
    rows = [
        (a, b, above[i, j]) for i, a in enumerate(models) for j, b in enumerate(models) if i != j
    ]
    return pd.DataFrame(rows, columns=columns)


def matrix_table(matrix: np.ndarray, models: Sequence[str]) -> pd.DataFrame:
    """`judge`, then trust in each model."""
    table = pd.DataFrame(matrix, columns=list(models))
    table.insert(0, "judge", list(models))
    return table


def judge_table(
    rows: pd.DataFrame,
    models: Sequence[str],
    order_bias: np.ndarray,
    result: Estimate,
    companions_elo: np.ndarray,
    resampled: Bootstrap | None,
    extraction: Extraction | None,
) -> pd.DataFrame:
    """One row per judge, in spec order (see `Analysis.judges`)."""
    n = len(models)
    statistics = judge_rates(rows, n, result.options.bootstrap_seed)
    low = high = np.full(n, np.nan)
    if resampled is not None and result.fit.form.position_bias:
        low, high = resampled.bias_interval()
    judged = statistics["rows"].to_numpy() > 0
    log_lambda = result.fit.parameters.log_lambda.reshape(-1, n).mean(axis=0)
    change = np.abs(companions_elo - result.elo).max(axis=1)
    scenarios = rows.groupby("judge")["scenario_index"].nunique()
    records = rows.groupby("judge")["record"].nunique().reindex(range(n), fill_value=0).to_numpy()
    coverage = np.full(n, np.nan)
    if extraction is not None:
        records = extraction.records_per_judge
        expected = records * extraction.num_criteria
        coverage = np.divide(
            statistics["rows"], expected, out=np.full(n, np.nan), where=expected > 0
        )
    return pd.DataFrame(
        {
            "model": list(models),
            "order_bias": np.where(judged, order_bias, np.nan),
            "order_bias_low": np.where(judged, low, np.nan),
            "order_bias_high": np.where(judged, high, np.nan),
            **{f"{rate}{end}": statistics[f"{rate}{end}"] for rate in RATES for end in ENDS},
            "order_pairs": statistics["order_pairs"],
            "log_lambda": np.where(judged & result.fit.form.ties, log_lambda, np.nan),
            "records": records,
            "rows": statistics["rows"],
            "coverage": coverage,
            "max_elo_change_without": change,
            "scenarios": scenarios.reindex(range(n), fill_value=0).to_numpy(),
        }
    )


def criterion_table(
    result: Estimate, damp: Damp, resampled: Bootstrap | None, models: Sequence[str]
) -> pd.DataFrame:
    """Scores under each criterion's own trust matrix; empty if criteria are pooled."""
    if not result.options.separate_criteria:
        return pd.DataFrame(columns=CRITERION_COLUMNS)
    trust = stationary(damp(result.criterion_matrices))
    criteria, n = trust.shape
    low = high = np.full(trust.shape, np.nan)
    if resampled is not None:
        low, high = interval(resampled.criterion_elo, resampled.num_units)
    columns = (
        np.repeat(np.arange(1, criteria + 1), n),
        list(models) * criteria,
        to_elo(trust).ravel(),
        low.ravel(),
        high.ravel(),
        trust.ravel(),
        to_trust(low, n).ravel(),
        to_trust(high, n).ravel(),
    )
    return pd.DataFrame(dict(zip(CRITERION_COLUMNS, columns, strict=True)))


def reason_table(extraction: Extraction | None) -> pd.DataFrame:
    """`Extraction.summary`, or the empty table when rows were given."""
    return pd.DataFrame(columns=REASON_COLUMNS) if extraction is None else extraction.summary()


def estimate_report(result: Estimate) -> dict[str, Any]:
    """What fit.json says of one fit."""
    fitted = result.fit
    return {
        "title": result.title,
        "procedure": result.options.procedure,
        "model": result.options.model,
        "order_handling": result.options.order_handling,
        "d": fitted.form.dim,
        "rho": fitted.form.rho,
        "nll": fitted.nll,
        "nll_per_comparison": fitted.nll_per_comparison,
        "comparisons": fitted.comparisons,
        "gradient_norm": fitted.gradient_norm,
        "iterations": fitted.iterations,
        "infinite": {name: list(part) for name, part in fitted.infinite._asdict().items()},
        "held_out": result.held_out.to_dict("records"),
        "eigentrust_residual": result.eigentrust.residual,
        "eigentrust_alpha": result.eigentrust.alpha,
        "eigentrust_warning": result.eigentrust.warning,
        "elo": result.elo.tolist(),
    }


def model_arrays(result: Estimate) -> dict[str, np.ndarray]:
    """The arrays of model.npz; u, v in the fixed gauge."""
    parameters = result.fit.parameters
    return {
        "u": parameters.u,
        "v": parameters.v,
        "log_lambda": parameters.log_lambda,
        "bias": parameters.bias,
        "singular_values": fix_gauge(parameters.u, parameters.v).strength,
        "scores": parameters.scores,
        "trust_matrix": result.matrix,
        "criterion_trust_matrices": result.criterion_matrices,
        "trust": result.eigentrust.trust,
    }
