"""Which statements steer a system and which test it.

Two ways. `published` makes the choice of the published code to the row: personas by
`DataFrame.sample(n, random_state=random_state)`, steering statements by
`sample(n // 2, random_state=42)` of each persona's agree and of its disagree rows in file order,
test statements all the others in file order. `seeded` draws for each persona separately from the
seed and the persona's id, so that a persona's split does not depend on which others take part or on
the order of the file.

In both, the choice for fewer statements is the beginning of the choice for more (`sample` with a
seed permutes and takes the first), so a steering curve over 0, 2, 4, 8 statements adds statements
and is tested on one common set: what the largest choice leaves over.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from textwrap import shorten

import numpy as np
import pandas as pd

from benchmarks.steerability.data import Item, Observation, Persona, PersonaData
from benchmarks.steerability.errors import PersonaDataError, SteerabilityError

PUBLISHED_SPLIT_SEED = 42
METHODS = ("seeded", "published")


@dataclass(frozen=True)
class Split:
    """Chosen personas with their steering and test statements.

    Attributes:
        personas: rows of `PersonaData.personas`, in the order chosen.
        steering: rows of `PersonaData.statements` that steer, for the largest of `n_steer`; within
            a persona and a label in the order chosen, which the column `rank` (from 0) numbers.
        held_out: rows that test; the same for every count in `n_steer`.
        n_steer: the counts of steering statements per persona, ascending.
        method: "seeded" or "published".
        random_state: the seed given.
        notes: what a reader should know of the choice, one sentence each.
    """

    personas: pd.DataFrame
    steering: pd.DataFrame
    held_out: pd.DataFrame
    n_steer: tuple[int, ...]
    method: str
    random_state: int
    notes: tuple[str, ...] = ()

    @property
    def persona_ids(self) -> list[str]:
        """Ids of the chosen personas, in the order chosen."""
        return self.personas["persona_id"].tolist()

    def persona(self, persona_id: str) -> Persona:
        """The chosen persona of that id."""
        row = self.personas.loc[self.personas["persona_id"] == persona_id].iloc[0]
        return Persona(*(str(row[name]) for name in Persona._fields))

    def observations(self, persona_id: str, n_steer: int) -> tuple[Observation, ...]:
        """The first `n_steer` steering statements of a persona: half agree, then half disagree."""
        rows = self.steering
        mine = rows[(rows["persona_id"] == persona_id) & (rows["rank"] < n_steer // 2)]
        return tuple(
            Observation(row.statement, bool(row.is_agree), row.scenario)
            for row in mine.sort_values(["is_agree", "rank"], ascending=[False, True]).itertuples()
        )

    @cached_property
    def items_by_id(self) -> dict[str, Item]:
        """Every distinct test text by its `text_id`."""
        distinct = self.held_out.drop_duplicates("text_id")
        return {
            row.text_id: Item(row.text_id, row.statement, row.scenario)
            for row in distinct.itertuples()
        }


def split(
    data: PersonaData,
    n_steer: int | Sequence[int] = 4,
    *,
    method: str = "seeded",
    max_personas: int = 0,
    max_observations: int = 0,
    random_state: int = 42,
) -> Split:
    """Choose personas, steering statements and test statements.

    Args:
        data: checked tables.
        n_steer: steering statements per persona, or several counts for a curve.
        method: "seeded" or "published".
        max_personas: how many personas to draw; 0 takes all.
        max_observations: test statements per persona at most; 0 takes all. `seeded` draws as many
            of either label; `published` takes the first of the file, which lists agree first.
        random_state: the seed; in `published` it draws the personas alone.

    Raises:
        SteerabilityError: an unknown method, a negative or (seeded) odd count.
        PersonaDataError: a persona has too few statements of either label to split.
    """
    counts = _checked_counts(n_steer, method, max_observations)
    personas = choose_personas(data.personas, max_personas, random_state)
    ids = personas["persona_id"].tolist()
    if len(ids) < 2:
        raise SteerabilityError(
            f"{len(ids)} persona chosen; steerability compares personas, so give at least two"
        )
    statements = data.statements[data.statements["persona_id"].isin(set(ids))]
    _need_enough(personas, statements, counts[-1] // 2)
    choose = _published if method == "published" else _seeded
    steering, held_out = choose(statements, counts[-1] // 2, max_observations, random_state)
    return Split(
        personas=personas.reset_index(drop=True),
        steering=steering.reset_index(drop=True),
        held_out=held_out.reset_index(drop=True),
        n_steer=counts,
        method=method,
        random_state=random_state,
        notes=_notes(counts, method, held_out),
    )


def choose_personas(personas: pd.DataFrame, max_personas: int, random_state: int) -> pd.DataFrame:
    """`max_personas` rows (0: all) in the published order, which `sample` shuffles."""
    if max_personas < 0:
        raise SteerabilityError(f"max_personas is {max_personas}; it must be 0 (all) or more")
    n = min(max_personas, len(personas)) if max_personas else len(personas)
    return personas.sample(n=n, random_state=random_state, replace=False)


def _checked_counts(
    n_steer: int | Sequence[int], method: str, max_observations: int
) -> tuple[int, ...]:
    counts = (n_steer,) if isinstance(n_steer, int) else tuple(sorted(set(n_steer)))
    if method not in METHODS:
        raise SteerabilityError(f"split {method!r} is unknown; use one of {', '.join(METHODS)}")
    if not counts or min(counts) < 0 or max_observations < 0:
        raise SteerabilityError("counts of steering and test statements must be 0 or more")
    if method == "published":
        return counts
    for name, value in [("n_steer_observations_per_persona", n) for n in counts] + [
        ("max_observations", max_observations)
    ]:
        if value % 2:
            raise SteerabilityError(
                f"{name} is {value}; half agree and half disagree are taken, so give an even number"
            )
    return counts


def _need_enough(personas: pd.DataFrame, statements: pd.DataFrame, per_label: int) -> None:
    """At least one statement of either label must remain to test with."""
    have = statements.groupby(["persona_id", "is_agree"]).size()
    short = []
    for row in personas.itertuples():
        for label, word in ((True, "agree"), (False, "disagree")):
            n = int(have.get((row.persona_id, label), 0))
            if n <= per_label:
                name = shorten(str(row.persona_description), 40, placeholder="...")
                short.append(f"{name} ({row.persona_id}) has {n} {word}")
    if short:
        more = f", and {len(short) - 3} more" if len(short) > 3 else ""
        raise PersonaDataError(
            f"too few statements to split: each persona needs {per_label + 1} or more of either "
            f"label ({per_label} to steer, the rest to test), but {'; '.join(short[:3])}{more}"
        )


def _published(
    statements: pd.DataFrame, per_label: int, max_observations: int, random_state: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    del random_state  # the published code splits with 42 whatever seed it is given
    chosen = []
    for persona_id in statements["persona_id"].unique():
        mine = statements[statements["persona_id"] == persona_id]
        for label in (True, False):
            rows = mine[mine["is_agree"] == label]
            drawn = rows.sample(n=per_label, random_state=PUBLISHED_SPLIT_SEED, replace=False)
            chosen.append(drawn.assign(rank=np.arange(per_label)))
    steering = pd.concat(chosen)
    held_out = statements[~statements["observation_id"].isin(steering["observation_id"])]
    if max_observations:
        held_out = held_out.groupby("persona_id", sort=False).head(max_observations)
    return steering, held_out


def _seeded(
    statements: pd.DataFrame, per_label: int, max_observations: int, random_state: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    steering, held_out = [], []
    for persona_id, mine in statements.groupby("persona_id", sort=False):
        rng = persona_rng(random_state, str(persona_id))
        left = {}
        for label in (True, False):
            rows = mine[mine["is_agree"] == label].sort_values("statement_id", kind="stable")
            rows = rows.iloc[rng.permutation(len(rows))]
            steering.append(rows.iloc[:per_label].assign(rank=np.arange(per_label)))
            left[label] = rows.iloc[per_label:]
        if max_observations and len(left[True]) + len(left[False]) > max_observations:
            n = min(max_observations // 2, len(left[True]), len(left[False]))
            left = {label: rows.iloc[:n] for label, rows in left.items()}
        held_out += [left[True], left[False]]
    return pd.concat(steering), pd.concat(held_out).sort_index()


def persona_rng(random_state: int, persona_id: str, *purpose: str) -> np.random.Generator:
    """A generator that depends on the seed, the persona and the purpose alone."""
    digest = hashlib.md5("\x1f".join((persona_id, *purpose)).encode()).digest()
    return np.random.default_rng([random_state, int.from_bytes(digest[:8], "big")])


def _notes(counts: tuple[int, ...], method: str, held_out: pd.DataFrame) -> tuple[str, ...]:
    notes = []
    if method == "published" and any(n % 2 for n in counts):
        notes.append(
            "the published split takes half of each label rounded down, so an odd count "
            "of steering statements uses one fewer"
        )
    if len(counts) > 1:
        notes.append(
            f"every count of steering statements is tested on what {counts[-1]} leave over"
        )
    share = held_out.groupby("persona_id")["is_agree"].mean()
    if not np.allclose(share, 0.5):
        notes.append(
            f"test statements are not balanced: {share.min():.0%} to {share.max():.0%} of a "
            "persona's are agreed with, so a constant answer can score above one half"
        )
    return tuple(notes)
