"""Many fits on the same cells at once: Newton steps that share one factorised Hessian.

Resamples, and ensembles with one judge silenced, have optima near the fit they come from. So all of
them start there and step with that fit's Hessian, factorised once, which each corrects by what it
learns of its own curvature (L-BFGS); only objectives and gradients are computed anew, for a block
of data sets at a time. A data set whose steps do not settle, or that could leave a collapsed
dimension, is fitted on its own.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from scipy import linalg

from benchmarks.eigenbench.btd import hessian, objective_and_gradient
from benchmarks.eigenbench.counts import Cells
from benchmarks.eigenbench.gauge import fix_gauge, gauge_directions
from benchmarks.eigenbench.problem import Form, Parameters, Problem, make_problem, unpack
from benchmarks.eigenbench.solve import Fit, fit_or_fallback
from benchmarks.eigenbench.threads import one_thread

_BLOCK_VALUES = 200_000  # cells x data sets per block: a few temporaries then fit in the cache
_MAX_STEPS = 60
_MEMORY = 12
_FAR = 4.0  # nats
_SETTLED = 1e-13  # squared Newton step in the Hessian's metric; far below 1e-4 Elo
_COLLAPSED = 1e-6


class Refits(NamedTuple):
    """Fits of B data sets.

    Attributes
    ----------
    scores
        Centred scores, shape (B, L, N).
    log_lambda
        Shape (B, L); -inf where lambda is 0.
    bias
        Shape (B, N).
    shared
        Whether the shared factorisation settled, shape (B,); the others were fitted alone.
    infinite
        Whether the maximum is infinite without a penalty, shape (B,); those are fits with
        rho = 0.01.
    """

    scores: np.ndarray
    log_lambda: np.ndarray
    bias: np.ndarray
    shared: np.ndarray
    infinite: np.ndarray


class Refitter:
    """Refits of one base fit to other counts on the same cells.

    Parameters
    ----------
    cells
        The cells of the base fit.
    base
        The fit whose model, optimum and Hessian the refits start from.
    """

    def __init__(self, cells: Cells, base: Fit) -> None:
        self.cells = cells
        self.base = base
        self._solver = _SharedNewton(cells, base) if _may_share(base) else None

    @property
    def block(self) -> int:
        """How many data sets are best handed over at once: their temporaries fit in the cache."""
        return max(4, _BLOCK_VALUES // max(1, len(self.cells.lens)))

    @one_thread
    def refit(self, counts: np.ndarray) -> Refits:
        """Fits of B data sets given as counts of shape (M, 3, B)."""
        num_sets = counts.shape[2]
        lenses, models = self.cells.num_lenses, self.cells.num_models
        result = Refits(
            np.empty((num_sets, lenses, models)),
            np.empty((num_sets, lenses)),
            np.empty((num_sets, models)),
            np.zeros(num_sets, dtype=bool),
            np.zeros(num_sets, dtype=bool),
        )
        if self._solver is not None:
            for begin in range(0, num_sets, self.block):
                part = counts[:, :, begin : begin + self.block]
                _refit_block(self.cells, part, self.base, self._solver, result, begin)
        for index in np.nonzero(~result.shared)[0]:
            _refit_alone(self.cells, counts[:, :, index], self.base, result, int(index))
        return result


def _may_share(base: Fit) -> bool:
    # At a collapsed dimension u = v = 0, and the gradient along it is zero for every resample,
    # even for one whose optimum uses it: shared steps would stay at what is a saddle there.
    strength = fix_gauge(base.parameters.u, base.parameters.v).strength
    return bool(strength.min() > _COLLAPSED)


class _SharedNewton:
    """Batched quasi-Newton descent whose first guess of the inverse Hessian is the base fit's.

    The penalised objective is used in the form that no gauge changes, NLL + rho |S|_* + ..., with
    |S|_* the nuclear norm of the centred scores. In u and v the penalty would bend the objective
    along the gauge, where its curvature is small and a shared Hessian misleads most.
    """

    def __init__(self, cells: Cells, base: Fit) -> None:
        problem = make_problem(cells, cells.counts(), base.form)
        curvature = hessian(base.theta[:, None], problem)
        parts = unpack(base.theta[:, None], problem)
        single = Parameters(*(part[..., 0] for part in parts))
        gauge = gauge_directions(single, penalised=False)
        if base.form.rho > 0:  # minimise over the gauge: a Schur complement
            values, vectors = np.linalg.eigh(gauge.T @ curvature @ gauge)
            # Stretching directions cost 2 rho, rotations and the shift nothing.
            stretching = gauge @ vectors[:, values > 0.01 * base.form.rho]
            bent = curvature @ stretching
            curvature -= bent @ np.linalg.solve(stretching.T @ bent, bent.T)
        scale = np.abs(np.diag(curvature)).max()
        curvature += scale * gauge @ gauge.T
        # Parameters that are not free have empty rows; so has a judge without comparisons.
        diagonal = np.arange(len(curvature))
        curvature[diagonal, diagonal] += 1e-10 * scale
        self.factor = linalg.cho_factor(curvature, lower=True, check_finite=False)

    def settle(self, problem: Problem, start: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Parameters (P, B) and whether each column settled."""
        num_sets = problem.total.shape[1]
        theta = np.repeat(start[:, None], num_sets, axis=1)
        value, slope = _invariant(theta, problem)
        pairs: deque[_Pair] = deque(maxlen=_MEMORY)
        length = np.ones(num_sets)
        step, size = self._direction(slope, pairs)
        for _ in range(_MAX_STEPS):
            if not (size > _SETTLED).any() or not np.isfinite(size).all():
                break
            trial = theta + length * step
            trial_value, trial_slope = _invariant(trial, problem)
            expected = length * np.einsum("pb,pb->b", slope, step)
            # Columns run on their own clocks: one may accept its step while another shortens its.
            taken = trial_value <= value + 1e-4 * expected + 1e-12 * np.abs(value)
            pairs.append(_pair(trial - theta, trial_slope - slope, taken))
            theta = np.where(taken, trial, theta)
            value = np.where(taken, trial_value, value)
            slope = np.where(taken, trial_slope, slope)
            length = np.where(taken, 1.0, 0.25 * length)
            new_step, new_size = self._direction(slope, pairs)
            step, size = np.where(taken, new_step, step), np.where(taken, new_size, size)
        return theta, size <= _SETTLED

    def _direction(self, slope: np.ndarray, pairs: deque[_Pair]) -> tuple[np.ndarray, np.ndarray]:
        """L-BFGS two-loop recursion, and the squared step in the shared metric."""
        rest = slope.copy()
        weights = []
        for moved, changed, inverse in reversed(pairs):
            weight = inverse * np.einsum("pb,pb->b", moved, rest)
            rest -= weight * changed
            weights.append(weight)
        shared = linalg.cho_solve(
            self.factor,
            np.stack([rest, slope]).transpose(1, 0, 2).reshape(len(slope), -1),
            check_finite=False,
        )
        step, plain = np.split(shared, 2, axis=1)
        for (moved, changed, inverse), weight in zip(pairs, reversed(weights), strict=True):
            step = step + (weight - inverse * np.einsum("pb,pb->b", changed, step)) * moved
        return -step, np.einsum("pb,pb->b", slope, plain)


class _Pair(NamedTuple):
    moved: np.ndarray
    changed: np.ndarray
    inverse: np.ndarray  # 1 / (moved . changed), 0 where the pair says nothing


def _pair(moved: np.ndarray, changed: np.ndarray, taken: np.ndarray) -> _Pair:
    curvature = np.einsum("pb,pb->b", moved, changed)
    good = taken & (curvature > 1e-300)
    return _Pair(moved, changed, np.where(good, 1 / np.where(good, curvature, 1), 0.0))


def _invariant(theta: np.ndarray, problem: Problem) -> tuple[np.ndarray, np.ndarray]:
    """The penalised objective in its gauge-invariant form, and its gradient."""
    rho = problem.form.rho
    value, slope = objective_and_gradient(theta, replace(problem, form=_unpenalised(problem.form)))
    if rho == 0:
        return value, slope
    u, v, log_lambda, bias = unpack(theta, problem)
    norm, by_u, by_v = _nuclear_norm(u, v - v.mean(axis=0))
    free = np.concatenate([log_lambda * problem.can_tie, bias * problem.form.position_bias])
    by_parts = [by_u.reshape(-1, len(value)), by_v.reshape(-1, len(value)), free]
    value += rho * (norm + (free**2).sum(axis=0) / 2)
    slope += rho * np.concatenate(by_parts)
    return value, slope


def _nuclear_norm(u: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """|u v^T|_* for u (L, d, B), v (N, d, B), and its gradients.

    They are u p and v p^-1 with p the geometric mean of (u^T u)^-1 and v^T v.
    """
    gram_u = np.einsum("lab,lcb->bac", u, u)
    gram_v = np.einsum("nab,ncb->bac", v, v)
    root = _spd_power(gram_u, 0.5)
    inverse_root = _spd_power(gram_u, -0.5)
    middle = _spd_power(root @ gram_v @ root, 0.5)
    p = inverse_root @ middle @ inverse_root
    by_u = np.einsum("lab,bac->lcb", u, p)
    by_v = np.einsum("nab,bac->ncb", v, _spd_power(p, -1.0))
    return np.trace(middle, axis1=1, axis2=2), by_u, by_v


def _spd_power(matrix: np.ndarray, power: float) -> np.ndarray:
    values, vectors = np.linalg.eigh(matrix)
    powered = np.clip(values, 1e-30, None) ** power
    return (vectors * powered[:, None, :]) @ np.swapaxes(vectors, -1, -2)


def _unpenalised(form: Form) -> Form:
    return replace(form, rho=0.0)


def _refit_block(
    cells: Cells,
    counts: np.ndarray,
    base: Fit,
    solver: _SharedNewton,
    result: Refits,
    begin: int,
) -> None:
    problem = make_problem(cells, counts, base.form)
    theta, settled = solver.settle(problem, base.theta)
    parts = unpack(theta, problem)
    centred = parts.v - parts.v.mean(axis=0)
    end = begin + counts.shape[2]
    result.scores[begin:end] = np.einsum("ldb,ndb->bln", parts.u, centred)
    log_lambda = np.where(problem.can_tie > 0, parts.log_lambda, -np.inf)
    result.log_lambda[begin:end] = log_lambda.T
    result.bias[begin:end] = parts.bias.T
    result.shared[begin:end] = settled
    if base.form.rho == 0:
        # Towards an infinite maximum the gradient fades, which looks like settling.
        result.shared[begin:end] &= ~_far(result, base, slice(begin, end))


def _far(result: Refits, base: Fit, block: slice) -> np.ndarray:
    fitted = base.parameters
    ties = result.log_lambda[block]
    # Where a judge can't tie, both are infinitely negative: no change.
    both = np.isfinite(ties) & np.isfinite(fitted.log_lambda)
    tie_change = np.subtract(ties, fitted.log_lambda, out=np.zeros_like(ties), where=both)
    changes = [result.scores[block] - fitted.scores, tie_change, result.bias[block] - fitted.bias]
    return np.max([np.abs(c).reshape(len(c), -1).max(axis=1) for c in changes], axis=0) > _FAR


def _refit_alone(cells: Cells, counts: np.ndarray, base: Fit, result: Refits, index: int) -> None:
    if counts.sum() == 0:  # a resample can miss every row of a tiny run: no data, no preference
        result.scores[index] = result.log_lambda[index] = result.bias[index] = 0.0
        return
    # Stay in the base optimum's basin; the noise keeps off a collapsed dimension's saddle.
    noise = np.random.default_rng(0).normal(0, 1e-3, base.theta.size)
    alone = fit_or_fallback(cells, counts, base.form, base.theta + noise)
    result.scores[index] = alone.parameters.scores
    result.log_lambda[index] = alone.parameters.log_lambda
    result.bias[index] = alone.parameters.bias
    result.infinite[index] = bool(alone.infinite)
