"""What an EigenBench analysis returns: the interface that flows, cards and reports read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.eigenbench.bootstrap import Bootstrap
from benchmarks.eigenbench.comparisons import Extraction
from benchmarks.eigenbench.estimate import Estimate


@dataclass(frozen=True)
class Companions:
    """Elo under other weights for the judges: what the headline owes to any one of them.

    Attributes
    ----------
    uniform_judges
        Every judge weighs the same, shape (N,).
    without_self
        Self-trust removed, shape (N,).
    leave_one_out
        Elo when judge i is silenced, shape (N judges, N models); NaN for a judge without rows.
    """

    uniform_judges: np.ndarray
    without_self: np.ndarray
    leave_one_out: np.ndarray


@dataclass(frozen=True)
class Analysis:
    """Everything an EigenBench run reports. Frames are ready to be written, one file each.

    Attributes
    ----------
    models
        Display names, in spec order; arrays are indexed by it.
    estimate
        The headline fit, with trust matrix, EigenTrust and held-out table.
    published
        The same under the published procedure; identical to `estimate` if that is the procedure.
    companions
        Elo under other judge weights.
    bootstrap
        Replicates, or None if none were asked for or there is one unit only.
    extraction
        Coverage of the records, or None when rows were given.
    summary
        summary.csv, best first: model, elo, elo_published, elo_low, elo_high, elo_sd, trust,
        elo_uniform_judges, elo_without_self, rank_low, rank_high, comparisons_as_judge,
        comparisons_as_evaluee, then elo_mean, elo_leave_one_out_low, elo_leave_one_out_high (a
        range over judges, no interval), and the intervals of elo_published, elo_uniform_judges,
        elo_without_self and trust. Intervals are NaN (ranks missing) without a bootstrap.
    pairwise_probabilities
        pairwise_probabilities.csv: model_a, model_b, probability that a is above b; every
        ordered pair. Empty without a bootstrap.
    trust_matrix
        trust_matrix.csv: `judge`, then one column per model; rows sum to 1.
    judges
        judges.csv: model, order_bias (log-odds for the first position), order_bias_low,
        order_bias_high (missing for a judge of a single scenario), first_rate, tie_rate and
        consistency with _low and _high over scenarios, order_pairs, log_lambda, records, rows,
        coverage, max_elo_change_without, scenarios.
    criteria
        Per-criterion scores if lenses are separate: criterion (from 1), model, elo, elo_low,
        elo_high, trust, trust_low, trust_high. Empty otherwise.
    reasons
        reasons.csv: reason, records, rows_lost, meaning.
    elo_by_dim
        Elo under each of `dims`: model, "d = 2", ... (published procedure).
    report
        fit.json: plain numbers and strings.
    arrays
        model.npz: u, v, log_lambda, bias in the fixed gauge, singular values, scores, trust
        matrices, trust.
    notes
        Sentences the reader of the numbers must see.
    """

    models: tuple[str, ...]
    estimate: Estimate
    published: Estimate
    companions: Companions
    bootstrap: Bootstrap | None
    extraction: Extraction | None
    summary: pd.DataFrame
    pairwise_probabilities: pd.DataFrame
    trust_matrix: pd.DataFrame
    judges: pd.DataFrame
    criteria: pd.DataFrame
    reasons: pd.DataFrame
    elo_by_dim: pd.DataFrame
    report: dict[str, Any]
    arrays: dict[str, np.ndarray]
    notes: tuple[str, ...]

    @property
    def elo(self) -> np.ndarray:
        """Headline Elo in spec order, shape (N,)."""
        return self.estimate.elo

    def bootstrap_table(self) -> pd.DataFrame:
        """bootstrap.parquet: one row per replicate; empty without a bootstrap."""
        return pd.DataFrame() if self.bootstrap is None else self.bootstrap.table(self.models)
