"""Self-preference: does a judge score its own model, or its own family, above what others do?

Source of the question: Panickssery, Bowman and Feng, LLM Evaluators Recognize and Favor Their Own
Generations, arXiv 2404.13076. A judge that is lenient with everybody is no self-preferrer, so
beside the plain difference stands the excess over the same judge's difference on other candidates
(difference in differences).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd

from calibration.errors import CalibrationError
from calibration.estimate import Estimate, from_draws, undefined
from calibration.resampling import DRAWS, Array, bootstrap_sums, cluster_sums

# The first pattern found in the id decides; makers' names come last, since an id often holds both.
FAMILIES = (
    ("deepseek", r"deepseek"),
    ("claude", r"claude"),
    ("gpt", r"gpt|chatgpt|(^|[/:.])o[134](-|$)|davinci"),
    ("gemini", r"gemini|gemma|palm"),
    ("llama", r"llama"),
    ("qwen", r"qwen|qwq"),
    ("mistral", r"mistral|mixtral|ministral|magistral|codestral|pixtral"),
    ("grok", r"grok"),
    ("command", r"command|c4ai|(^|[/:.])aya"),
    ("phi", r"(^|[/:.-])phi-?\d"),
    ("kimi", r"kimi"),
    ("glm", r"glm"),
    ("nova", r"nova-(micro|lite|pro|premier)"),
    ("olmo", r"olmo|tulu"),
    ("nemotron", r"nemotron"),
    ("granite", r"granite"),
    ("minimax", r"minimax"),
)
_ROUTES = r"^(openrouter/|vllm/|hf_local:|bedrock/)+"


@dataclass(frozen=True)
class SelfPreference:
    """One judge on one candidate of its own kind.

    Attributes:
        judge: The judge.
        candidate: The candidate.
        relation: 'same model' or 'same family'.
        n: Items that the judge and at least one other judge scored for this candidate.
        own_mean: The judge's mean score for the candidate.
        others_mean: The other judges' mean score for it.
        difference: `own_mean` minus `others_mean`, paired over items.
        excess: `difference` minus the same judge's difference on candidates that are not of its
            kind; undefined when there is none.
    """

    judge: str
    candidate: str
    relation: str
    n: int
    own_mean: float | None
    others_mean: float | None
    difference: Estimate
    excess: Estimate


def model_family(model_id: str) -> str:
    """Family of a model id: 'google/gemma-3-27b-it' is 'gemini', 'ft:gpt-4.1:x' is 'gpt'.

    Route prefixes (`openrouter/` ...) do not count. A distilled or merged model belongs to the
    first name in `FAMILIES` that its id holds. A simulated model is a family of its own; an
    unknown id falls back to its organisation, or to the first word of its name.
    """
    bare = re.sub(_ROUTES, "", model_id.strip().lower())
    if bare.startswith("sim/"):
        return bare
    for family, pattern in FAMILIES:
        if re.search(pattern, bare):
            return family
    return bare.split("/")[0] if "/" in bare else re.split(r"[-_:.\d]", bare)[0] or bare


def relation(judge: str, candidate: str) -> str | None:
    """'same model', 'same family', or None."""
    bare = [re.sub(_ROUTES, "", name.strip().lower()) for name in (judge, candidate)]
    if bare[0] == bare[1]:
        return "same model"
    return "same family" if model_family(judge) == model_family(candidate) else None


def self_preference(
    table: pd.DataFrame, *, draws: int = DRAWS, seed: int = 0
) -> tuple[SelfPreference, ...]:
    """Each judge's bias towards each candidate of its own kind; empty when there is no such pair.

    The judges compared with are those that are not of the candidate's kind themselves.

    Args:
        table: One row a verdict: `judge`, `candidate`, `item_id`, `score` (NaN where invalid),
            optionally `cluster`.
        draws: Bootstrap draws over clusters.
        seed: Their seed.

    Raises:
        CalibrationError: a missing column.
    """
    for column in ("judge", "candidate", "item_id", "score"):
        if column not in table:
            raise CalibrationError(f"The self-preference table has no '{column}' column.")
    scored = table.dropna(subset=["score"])
    found = []
    for judge in pd.unique(table["judge"]):
        for candidate in pd.unique(table["candidate"]):
            kind = relation(str(judge), str(candidate))
            if kind is not None:
                found.append(_measure(scored, str(judge), str(candidate), kind, draws, seed))
    return tuple(found)


def _measure(
    scored: pd.DataFrame, judge: str, candidate: str, kind: str, draws: int, seed: int
) -> SelfPreference:
    gaps = _gaps(scored, judge)
    own = gaps[gaps["candidate"] == candidate]
    strangers = gaps[~_related(gaps)]
    if own.empty:
        none = undefined("no other judge scored the same items of this candidate")
        return SelfPreference(judge, candidate, kind, 0, None, None, none, none)
    drawn = _mean_draws(own, strangers, draws, seed)
    difference = float(own["gap"].mean())
    excess = undefined("every candidate is of the judge's own kind", len(own))
    if len(strangers):
        value = difference - float(strangers["gap"].mean())
        units = min(own["cluster"].nunique(), strangers["cluster"].nunique())
        excess = from_draws(value, drawn[0] - drawn[1], len(own), units, (-8.0, 8.0))
    return SelfPreference(
        judge=judge,
        candidate=candidate,
        relation=kind,
        n=len(own),
        own_mean=float(own["score"].mean()),
        others_mean=float(own["others"].mean()),
        difference=from_draws(
            difference, drawn[0], len(own), own["cluster"].nunique(), (-4.0, 4.0)
        ),
        excess=excess,
    )


def _gaps(scored: pd.DataFrame, judge: str) -> pd.DataFrame:
    """The judge's score minus the mean of unrelated judges' scores of the same response."""
    columns = ["candidate", "item_id"]
    mine = scored[scored["judge"] == judge]
    theirs = scored[(scored["judge"] != judge) & ~_related(scored)]
    others = theirs.groupby(columns)["score"].mean().rename("others").reset_index()
    gaps = mine.merge(others, on=columns)
    gaps["gap"] = gaps["score"] - gaps["others"]
    return gaps if "cluster" in gaps else gaps.assign(cluster=gaps["item_id"])


def _related(scored: pd.DataFrame) -> pd.Series:
    """Whether each row's judge is of its candidate's kind: shape (N,), each pair looked up once."""
    judges, candidates = scored["judge"].map(str), scored["candidate"].map(str)
    pairs = set(zip(judges, candidates, strict=True))
    kin = {pair: relation(*pair) is not None for pair in pairs}
    found = [kin[pair] for pair in zip(judges, candidates, strict=True)]
    return pd.Series(found, index=scored.index, dtype=bool)


def _mean_draws(
    own: pd.DataFrame, strangers: pd.DataFrame, draws: int, seed: int
) -> tuple[Array, Array]:
    """Mean gaps of both groups in resamples that draw a cluster for both at once: (B,) each."""
    both = pd.concat([own.assign(own=1.0), strangers.assign(own=0.0)])
    gap, mine = both["gap"].to_numpy(dtype=float), both["own"].to_numpy()
    parts = np.column_stack([gap * mine, mine, gap * (1 - mine), 1 - mine])
    sums = bootstrap_sums(cluster_sums(parts, both["cluster"]), draws, np.random.default_rng(seed))
    with np.errstate(divide="ignore", invalid="ignore"):
        return sums[:, 0] / sums[:, 1], sums[:, 2] / sums[:, 3]
