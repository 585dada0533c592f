"""Trust matrix, EigenTrust and Elo, with what shows how much the headline owes to any one judge.

EigenBench, Chang et al., arXiv 2509.01938; EigenTrust after Kamvar, Schlosser, Garcia-Molina,
WWW 2003. Judge i's trust in j is the chance weight of naming j, ties shared:

    T_ij proportional to e_ij + lambda_i / 2 sum_{k != j} sqrt(e_ij e_ik),   e_ij = exp(s_ij),

row by row. The trust vector t solves t T = t: each model's word weighs what the others trust it.
Elo = 1500 + 400 log10(N t), so the mean of 10^((Elo - 1500) / 400) is always 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csgraph, csr_matrix
from scipy.sparse import linalg as sparse_linalg

_DIRECT_LIMIT = 1000
_TRACE = 1e-12
_NO_LINK = 1e-14  # trust below it can't move anything a double-precision solve would see


class TrustError(ValueError):
    """A trust matrix, damping or pre-trusted set that can't be used; the message says why."""


@dataclass(frozen=True)
class EigenTrust:
    """The trust vector and how far it can be relied on.

    Attributes
    ----------
    trust
        t, shape (N,), sums to 1.
    residual
        Sum of |t T - t| for the (damped) matrix.
    alpha
        Damping that was applied.
    warning
        Empty, or one sentence naming a reducible or periodic matrix.
    """

    trust: np.ndarray
    residual: float
    alpha: float
    warning: str


def trust_matrix(scores: np.ndarray, log_lambda: np.ndarray) -> np.ndarray:
    """Row-stochastic T from scores (..., L, N) and log lambda (..., L), in log space.

    A log lambda of -inf means no ties; a shift of a row of scores changes nothing.
    """
    half = scores / 2
    edge = np.full((*half.shape[:-1], 1), -np.inf)
    before = np.logaddexp.accumulate(half, axis=-1)[..., :-1]
    after = np.flip(np.logaddexp.accumulate(np.flip(half, -1), axis=-1), -1)[..., 1:]
    # Sums over the others, never total minus own: the own term may be all of the total.
    others = np.logaddexp(
        np.concatenate([edge, before], axis=-1), np.concatenate([after, edge], axis=-1)
    )
    shared = (log_lambda - np.log(2))[..., None] + half + others
    weights = np.logaddexp(scores, shared)
    weights = np.exp(weights - weights.max(axis=-1, keepdims=True))
    return weights / weights.sum(axis=-1, keepdims=True)


def eigentrust(
    matrix: np.ndarray, alpha: float = 0.0, pretrusted: np.ndarray | None = None
) -> EigenTrust:
    """The stationary vector of `(1 - alpha) T + alpha 1 p`.

    Parameters
    ----------
    matrix
        T, row-stochastic, shape (N, N).
    alpha
        Damping in [0, 1].
    pretrusted
        p, non-negative weights, shape (N,), normalised here; uniform by default. Without damping
        it decides only how separate closed groups of a reducible matrix are weighed.

    Raises
    ------
    TrustError
        If T is not row-stochastic, alpha lies outside [0, 1], or p is negative or all zero.
    """
    start = _checked(matrix, alpha, pretrusted)
    closed, warning = _structure(matrix)
    mixed = (1 - alpha) * matrix + alpha * start
    if closed > 1:
        # Several closed groups have no unique answer without damping: the limit of vanishing
        # damping weighs each by the trust that flows into it from p.
        trust = _damped(matrix, max(alpha, 1e-9), start)
    elif len(matrix) <= _DIRECT_LIMIT:
        trust = stationary(mixed)
    else:
        trust = _by_arpack(mixed)
    moved = (1 - alpha) * (trust @ matrix) + alpha * start
    residual = float(np.abs(moved - trust).sum())
    return EigenTrust(trust, residual, alpha, warning if alpha == 0 else "")


def stationary(matrix: np.ndarray) -> np.ndarray:
    """t with t T = t and sum 1 by direct solve, for one or many matrices (..., N, N).

    A trace of uniform damping (1e-12) keeps separate closed groups from making the system
    singular; elsewhere it is below rounding.
    """
    n = matrix.shape[-1]
    system = np.eye(n) - (1 - _TRACE) * np.swapaxes(matrix, -1, -2) - _TRACE / n
    system[..., -1, :] = 1.0
    right = np.zeros((*matrix.shape[:-2], n, 1))
    right[..., -1, 0] = 1.0
    trust = np.clip(np.linalg.solve(system, right)[..., 0], 0, None)
    return trust / trust.sum(axis=-1, keepdims=True)


def elo(trust: np.ndarray) -> np.ndarray:
    """1500 + 400 log10(N t) along the last axis; -inf where there is no trust at all."""
    with np.errstate(divide="ignore"):
        return 1500 + 400 * np.log10(trust.shape[-1] * trust)


def to_trust(elos: np.ndarray, num_models: int) -> np.ndarray:
    """The trust t behind each Elo among N models: the inverse of `elo`."""
    return 10 ** ((elos - 1500) / 400) / num_models


def uniform_judges(matrix: np.ndarray) -> np.ndarray:
    """Trust when every judge weighs the same: the column means of T (..., N, N)."""
    return matrix.mean(axis=-2)


def without_self(matrix: np.ndarray) -> np.ndarray:
    """T with the diagonal removed and rows normalised again, shape (..., N, N).

    A judge that trusts only itself says nothing of the others: its row becomes uniform over them.
    """
    n = matrix.shape[-1]
    off = 1.0 - np.eye(n)
    kept = matrix * off
    total = kept.sum(axis=-1, keepdims=True)
    return np.where(total > 0, kept / np.where(total > 0, total, 1), off / (n - 1))


def without_judge(
    matrix: np.ndarray, judge: int, alpha: float = 0.0, pretrusted: np.ndarray | None = None
) -> np.ndarray:
    """Trust (..., N) when `judge` has no say but is still judged.

    The other judges weigh what they trust each other (their rows restricted to themselves and
    normalised); every model's trust, the silenced judge's too, is their weighted vote. Both are
    damped as in `eigentrust`, so that nothing moves but for the judge's own say: the weights
    towards the pre-trusted among the others (all of them, where only the judge was), the vote
    towards all pre-trusted models.
    """
    others = np.delete(np.arange(matrix.shape[-1]), judge)
    start = np.ones(matrix.shape[-1]) if pretrusted is None else pretrusted
    rows = matrix[..., others, :]
    weights = stationary((1 - alpha) * _shares(rows[..., others]) + alpha * _shares(start[others]))
    vote = np.einsum("...i,...ij->...j", weights, rows)
    return (1 - alpha) * vote + alpha * _shares(start)


def _shares(weights: np.ndarray) -> np.ndarray:
    """Rows (..., n) normalised to sum 1; uniform where there is no weight at all."""
    total = weights.sum(axis=-1, keepdims=True)
    return np.where(total > 0, weights / np.where(total > 0, total, 1), 1 / weights.shape[-1])


def _checked(matrix: np.ndarray, alpha: float, pretrusted: np.ndarray | None) -> np.ndarray:
    n = len(matrix)
    if matrix.shape != (n, n) or (matrix < 0).any() or not np.allclose(matrix.sum(axis=1), 1):
        raise TrustError("the trust matrix must be square, non-negative, each row summing to 1")
    if not 0 <= alpha <= 1:
        raise TrustError(f"damping alpha is {alpha}: it must lie between 0 and 1")
    weights = np.ones(n) if pretrusted is None else np.asarray(pretrusted, dtype=float)
    if weights.shape != (n,) or (weights < 0).any() or not weights.sum() > 0:
        raise TrustError(f"pre-trusted weights: give {n} non-negative numbers, not all zero")
    return weights / weights.sum()


def _damped(matrix: np.ndarray, alpha: float, start: np.ndarray) -> np.ndarray:
    system = np.eye(len(matrix)) - (1 - alpha) * matrix.T
    trust = np.clip(np.linalg.solve(system, alpha * start), 0, None)
    return trust / trust.sum()


def _by_arpack(matrix: np.ndarray) -> np.ndarray:
    n = len(matrix)
    _, vectors = sparse_linalg.eigs(matrix.T, k=1, which="LR", v0=np.full(n, 1 / n), tol=1e-14)
    trust = np.abs(vectors[:, 0].real)
    return trust / trust.sum()


def _structure(matrix: np.ndarray) -> tuple[int, str]:
    """Number of closed groups of judges, and a sentence if the matrix is reducible or periodic."""
    links = csr_matrix(matrix > _NO_LINK)
    count, group = csgraph.connected_components(links, directed=True, connection="strong")
    source, target = links.nonzero()
    leaving = np.unique(group[source[group[source] != group[target]]])
    closed = np.setdiff1d(np.arange(count), leaving)
    if len(closed) > 1:
        return len(closed), f"reducible: trust never leaves any of {len(closed)} separate groups"
    inside = group == closed[0]
    period = _period(links[inside][:, inside])
    if count > 1:
        absorbed = int(inside.sum())
        return 1, f"reducible: all trust ends with {absorbed} of {len(matrix)} models"
    if period > 1:
        return 1, f"periodic: trust moves in cycles of {period}; power iteration would not settle"
    return 1, ""


def _period(links: csr_matrix) -> int:
    depth = csgraph.shortest_path(links, indices=0, unweighted=True)
    source, target = links.nonzero()
    return int(np.gcd.reduce((depth[source] + 1 - depth[target]).astype(np.int64)))
