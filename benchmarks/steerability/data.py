"""Personas and their statements: the published schema and every check made before a request.

The schema is that of the published steerability data (Balcells and Plastic Labs, "Evaluating the
steerability of language models", 2024): one table of personas, one of statements that a persona
agrees or disagrees with. An optional `scenario` column gives the situation a statement answers.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from benchmarks.steerability.errors import PersonaDataError

PERSONA_COLUMNS = (
    "persona_id",
    "framework_name",
    "framework_description",
    "persona_description",
)
STATEMENT_COLUMNS = ("persona_id", "statement", "statement_id", "is_agree")
_NEEDED = {
    "personas": PERSONA_COLUMNS,
    "statements": tuple(name for name in STATEMENT_COLUMNS if name != "statement_id"),
}

# Ids are short hex strings; without this a file of all-digit ids would lose leading zeros.
CSV_DTYPES = {"persona_id": str, "statement_id": str}


class Persona(NamedTuple):
    """Who a system is steered to."""

    persona_id: str
    framework_name: str
    framework_description: str
    persona_description: str


class Observation(NamedTuple):
    """A statement with the persona's known stance on it, shown to steer a system."""

    statement: str
    is_agree: bool
    scenario: str = ""


class Item(NamedTuple):
    """A distinct text a steered system is asked about; `text_id` is the same for equal texts."""

    text_id: str
    statement: str
    scenario: str = ""


class DataCounts(NamedTuple):
    """What the tables hold.

    Attributes:
        personas, frameworks, statements: rows of each table and distinct framework names.
        distinct_texts: distinct (scenario, statement) pairs.
        shared_texts: distinct texts that stand under more than one persona.
        opposite_label_texts: those of them that one persona agrees with and another does not.
    """

    personas: int
    frameworks: int
    statements: int
    distinct_texts: int
    shared_texts: int
    opposite_label_texts: int


@dataclass(frozen=True)
class PersonaData:
    """Checked tables, in file order.

    Attributes:
        personas: `PERSONA_COLUMNS` first, other columns as they came; one row a persona.
        statements: `STATEMENT_COLUMNS` with `is_agree` as bool, `statement_id` as text (the row's
            number where there was no such column) and `scenario` as text ("" if none), and two
            new columns: `observation_id`, the published short hash, and `text_id`, equal for
            equal texts.
        counts: what is in them.
    """

    personas: pd.DataFrame
    statements: pd.DataFrame
    counts: DataCounts

    def persona(self, persona_id: str) -> Persona:
        """The persona of that id."""
        row = self.personas.loc[self.personas["persona_id"] == persona_id].iloc[0]
        return Persona(*(str(row[name]) for name in PERSONA_COLUMNS))


def short_hash(text: str) -> str:
    """First 8 hex digits of the MD5 sum, the published way of making ids."""
    return hashlib.md5(text.encode()).hexdigest()[:8]


def observation_id(persona_id: str, statement: str, is_agree: bool) -> str:
    """The published id of one persona's stance on one statement."""
    return short_hash(f"{persona_id}_{statement}_{'Y' if is_agree else 'N'}")


def text_id(statement: str, scenario: str = "") -> str:
    """16 hex digits that are equal for equal (scenario, statement) pairs."""
    return hashlib.md5(f"{scenario}\x1f{statement}".encode()).hexdigest()[:16]


def check_data(personas: pd.DataFrame, statements: pd.DataFrame) -> PersonaData:
    """Check both tables and add the ids that the benchmark works with.

    The same text under two personas with opposite labels is legal, and counted.

    Raises:
        PersonaDataError: a column is missing, an id is unknown or repeated, a label is no boolean,
            a text is empty, or a persona has the same statement twice.
    """
    _need_columns(personas=personas, statements=statements)
    personas = _checked_personas(personas)
    statements = _checked_statements(statements, set(personas["persona_id"]))
    return PersonaData(personas, statements, _count(personas, statements))


def _checked_personas(table: pd.DataFrame) -> pd.DataFrame:
    table = table.reset_index(drop=True).copy()
    if table.empty:
        raise PersonaDataError("the personas table is empty; give at least two personas")
    _need_text(table, "persona_id", "personas")
    _need_text(table, "persona_description", "personas")
    table["persona_id"] = table["persona_id"].astype(str)
    repeated = table.index[table["persona_id"].duplicated()]
    if len(repeated):
        row = repeated[0]
        raise PersonaDataError(
            f"personas row {row}: persona_id {table['persona_id'][row]!r} is given twice; "
            "every persona needs its own id"
        )
    for name in ("framework_name", "framework_description"):
        table[name] = table[name].fillna("").astype(str)
    return table


def _checked_statements(table: pd.DataFrame, known: set[str]) -> pd.DataFrame:
    table = table.reset_index(drop=True).copy()
    if "statement_id" not in table.columns:
        table["statement_id"] = table.index.astype(str)
    for name in ("persona_id", "statement_id", "statement"):
        _need_text(table, name, "statements")
        table[name] = table[name].astype(str)
    unknown = table.index[~table["persona_id"].isin(known)]
    if len(unknown):
        row = unknown[0]
        raise PersonaDataError(
            f"statements row {row}: persona_id {table['persona_id'][row]!r} is not in the personas "
            f"table ({len(unknown)} such rows); add the persona or drop the rows"
        )
    table["is_agree"] = _labels(table["is_agree"])
    if "scenario" in table.columns:
        table["scenario"] = table["scenario"].fillna("").astype(str)
    else:
        table["scenario"] = ""
    _refuse_duplicates(table)
    table["observation_id"] = [
        observation_id(*row)
        for row in zip(table["persona_id"], table["statement"], table["is_agree"], strict=True)
    ]
    table["text_id"] = [
        text_id(*row) for row in zip(table["statement"], table["scenario"], strict=True)
    ]
    return table


def _need_columns(**tables: pd.DataFrame) -> None:
    told = []
    for which, table in tables.items():
        missing = [repr(name) for name in _NEEDED[which] if name not in table.columns]
        if missing:
            columns = "column" if len(missing) == 1 else "columns"
            needed = ", ".join(_NEEDED[which])
            told.append(
                f"the {which} table has no {columns} {', '.join(missing)}; it needs {needed}"
            )
    if told:
        raise PersonaDataError("; ".join(told))


def _need_text(table: pd.DataFrame, name: str, which: str) -> None:
    blank = table[name].isna() | (table[name].astype(str).str.strip() == "")
    if blank.any():
        row = int(np.flatnonzero(blank)[0])
        raise PersonaDataError(
            f"{which} row {row}: {name} is empty ({int(blank.sum())} such rows); fill or drop them"
        )


def _labels(column: pd.Series) -> np.ndarray:
    """Booleans, 0 and 1, or the words that a CSV column with one odd cell turns them into."""
    labels = np.empty(len(column), dtype=bool)
    for row, value in enumerate(column):
        label = _label(value)
        if label is None:
            raise PersonaDataError(
                f"statements row {row}: is_agree is {value!r}; it must be True or False, or 1 or 0"
            )
        labels[row] = label
    return labels


_WORDS = {"true": True, "false": False, "1": True, "0": False, "1.0": True, "0.0": False}


def _label(value: Any) -> bool | None:
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, int | float | np.integer | np.floating):
        return bool(value) if value in (0, 1) else None
    if isinstance(value, str):
        return _WORDS.get(value.strip().lower())
    return None


def _refuse_duplicates(table: pd.DataFrame) -> None:
    for keys, what in (
        (["persona_id", "statement_id"], "statement_id"),
        (["persona_id", "scenario", "statement"], "statement"),
    ):
        repeated = table.index[table.duplicated(keys)]
        if len(repeated):
            row = repeated[0]
            raise PersonaDataError(
                f"statements row {row}: persona {table['persona_id'][row]!r} has the {what} "
                f"{table[what][row]!r} twice ({len(repeated)} such rows); drop the repetitions"
            )


def _count(personas: pd.DataFrame, statements: pd.DataFrame) -> DataCounts:
    by_text = statements.groupby("text_id")
    return DataCounts(
        personas=len(personas),
        frameworks=personas["framework_name"].nunique(),
        statements=len(statements),
        distinct_texts=by_text.ngroups,
        shared_texts=int((by_text.size() > 1).sum()),
        opposite_label_texts=int((by_text["is_agree"].nunique() > 1).sum()),
    )
