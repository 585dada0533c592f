"""One estimate: rows -> fit -> trust -> Elo, under one procedure.

EigenBench, Chang et al., arXiv 2509.01938. `analyse` makes the headline estimate with this, the
published number beside it, and the companions that show what the headline owes to single judges.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from benchmarks.eigenbench.bootstrap import criterion_matrices
from benchmarks.eigenbench.counts import Cells, compress, judge_calls
from benchmarks.eigenbench.dimension import (
    call_folds,
    default_dims,
    held_out_rows,
    held_out_table,
)
from benchmarks.eigenbench.options import Options
from benchmarks.eigenbench.orders import inconsistent_as_ties
from benchmarks.eigenbench.refit import Refitter
from benchmarks.eigenbench.solve import FALLBACK_RHO, Fit, fit_or_fallback
from benchmarks.eigenbench.trust import (
    EigenTrust,
    eigentrust,
    elo,
    stationary,
    without_judge,
)

RESTARTS = 4

Damp = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Estimate:
    """A fit and the scores that follow from it.

    Attributes
    ----------
    options
        Resolved options.
    title
        What to write over the numbers: the procedure, its dimension and its penalty.
    rows
        The rows that were fitted, after order handling.
    cells
        Their counts' layout.
    fit
        The fit; its `form.dim` is the chosen dimension.
    held_out
        Held-out likelihood by dimension (`dimension.held_out_table`).
    criterion_matrices
        Trust matrices per lens set, shape (C, N, N); C is 1 if criteria are pooled.
    matrix
        Their mean, (N, N).
    eigentrust
        Trust vector, residual and warning.
    """

    options: Options
    title: str
    rows: pd.DataFrame
    cells: Cells
    fit: Fit
    held_out: pd.DataFrame
    criterion_matrices: np.ndarray
    matrix: np.ndarray
    eigentrust: EigenTrust

    @property
    def elo(self) -> np.ndarray:
        """Elo of each model, shape (N,)."""
        return elo(self.eigentrust.trust)


def estimate(
    rows: pd.DataFrame,
    models: Sequence[str],
    num_criteria: int,
    options: Options,
    dim: int | None = None,
) -> Estimate:
    """Fit `rows` (raw, both orders) under resolved options.

    Parameters
    ----------
    dim
        Use this dimension and hold nothing out; by default `options.dims` decides.
    """
    if options.order_handling == "ties":
        rows = inconsistent_as_ties(rows)
    lens_sets = num_criteria if options.separate_criteria else 1
    fold = options.order_handling == "ties"
    cells = compress(rows, len(models), lens_sets, fold_orders=fold)
    held_out = held_out_table(cells, np.zeros(0), np.zeros(0), (), options.form(1))
    if dim is None:
        dim, held_out = choose_dimension(rows, cells, options)
    fitted = fit_or_fallback(cells, cells.counts(), options.form(dim), restarts=RESTARTS)
    matrices = criterion_matrices(fitted.parameters.scores, fitted.parameters.log_lambda)
    matrix = matrices.mean(axis=0)
    trusted = eigentrust(matrix, options.alpha, pretrusted_weights(models, options))
    title = estimate_title(options, fitted, models)
    return Estimate(options, title, rows, cells, fitted, held_out, matrices, matrix, trusted)


def choose_dimension(
    rows: pd.DataFrame, cells: Cells, options: Options
) -> tuple[int, pd.DataFrame]:
    """The dimension to fit and the held-out table that speaks for it."""
    calls = judge_calls(rows)
    form = options.form(1)
    if options.procedure == "published":
        dims = options.dims or (2,)
        held = held_out_rows(calls, options.test_size, options.group_split, options.split_seed)
        table = held_out_table(cells, calls, np.where(held, 0, -1), dims, form)
        return dims[0], table.assign(chosen=table["dim"] == dims[0])
    dims = options.dims or default_dims(cells.num_models)
    folds = min(options.num_folds, int(calls.max()) + 1)
    if folds < 2:  # one call: nothing can be held out
        return dims[0], held_out_table(cells, calls, np.full(len(calls), -1), dims, form)
    table = held_out_table(cells, calls, call_folds(calls, folds, options.split_seed), dims, form)
    return int(table.loc[table["chosen"], "dim"].iloc[0]), table


def pretrusted_weights(models: Sequence[str], options: Options) -> np.ndarray | None:
    """Weight 1 for each pre-trusted model; None if none is named.

    Raises
    ------
    ValueError
        If a name is not in the ensemble.
    """
    for name in options.pretrusted:
        if name not in models:
            raise ValueError(f"pretrusted model {name!r} is not in the ensemble")
    if not options.pretrusted:
        return None
    return np.array([float(name in options.pretrusted) for name in models])


def damping(models: Sequence[str], options: Options) -> Damp:
    """The damping of `options` as a function of trust matrices (..., N, N)."""
    weights = pretrusted_weights(models, options)
    start = np.full(len(models), 1.0) if weights is None else weights
    start = start / start.sum()
    return lambda matrix: (1 - options.alpha) * matrix + options.alpha * start


def leave_one_judge_out(result: Estimate, refitter: Refitter, models: Sequence[str]) -> np.ndarray:
    """Elo when one judge has no say, shape (N judges, N models); NaN for a judge without rows.

    The model is fitted again without the judge's rows, and EigenTrust, damped as the headline's,
    runs over the others.
    """
    cells, n = result.cells, result.cells.num_models
    counts = cells.counts()
    judges = np.unique(cells.judge)
    table = np.full((n, n), np.nan)
    if len(judges) < 2:
        return table
    silenced = np.stack([np.where((cells.judge == j)[:, None], 0, counts) for j in judges], axis=2)
    refits = refitter.refit(silenced)
    matrices = criterion_matrices(refits.scores, refits.log_lambda).mean(axis=1)
    alpha, start = result.options.alpha, pretrusted_weights(models, result.options)
    for position, judge in enumerate(judges):
        table[judge] = elo(without_judge(matrices[position], int(judge), alpha, start))
    return table


def elo_by_dimension(result: Estimate, models: Sequence[str]) -> pd.DataFrame:
    """Elo under each of the published procedure's `dims`: `model`, then `d = 2` and so on."""
    table = pd.DataFrame({"model": list(models)})
    damp = damping(models, result.options)
    counts = result.cells.counts()
    for dim in result.options.dims or (result.fit.form.dim,):
        fitted = result.fit
        if dim != fitted.form.dim:
            form = result.options.form(dim)
            fitted = fit_or_fallback(result.cells, counts, form, restarts=RESTARTS)
        matrices = criterion_matrices(fitted.parameters.scores, fitted.parameters.log_lambda)
        table[f"d = {dim}"] = elo(stationary(damp(matrices.mean(axis=0))))
    return table


def order_bias_fit(raw_rows: pd.DataFrame, result: Estimate) -> np.ndarray:
    """Position bias of each judge in log-odds, shape (N,), whatever the order handling was."""
    if result.fit.form.position_bias:
        return result.fit.parameters.bias
    cells = compress(raw_rows, result.cells.num_models, result.cells.num_criteria)
    form = replace(result.fit.form, position_bias=True, rho=max(1.0, result.fit.form.rho))
    return fit_or_fallback(cells, cells.counts(), form).parameters.bias


def estimate_title(options: Options, fitted: Fit, models: Sequence[str]) -> str:
    """A label such as "published procedure (ties, d = 2, no penalty)"."""
    penalty = f"rho = {fitted.form.rho:g}" if fitted.form.rho > 0 else "no penalty"
    order = "ties" if options.order_handling == "ties" else "position-bias term"
    title = f"{options.procedure} procedure ({order}, d = {fitted.form.dim}, {penalty})"
    if fitted.infinite:
        title += f"; the unpenalised maximum is infinite ({infinite_parts(fitted, models)})"
        title += f", shown with rho = {FALLBACK_RHO:g}"
    return title


def infinite_parts(fitted: Fit, models: Sequence[str]) -> str:
    """Which judges' parameters have no finite maximum, in words."""
    parts = []
    for name, judges in zip(("scores", "ties", "position bias"), fitted.infinite, strict=True):
        if judges:
            who = ", ".join(models[judge] for judge in judges[:4])
            more = f" and {len(judges) - 4} more" if len(judges) > 4 else ""
            parts.append(f"{name} of {who}{more}")
    return "; ".join(parts)
