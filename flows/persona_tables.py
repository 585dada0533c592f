"""Reading personas and statements from wherever they are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.steerability.data import CSV_DTYPES
from flows.remote import at_hand
from inference.errors import PlumblineError
from inference.secrets import scrub
from tables.places import DATA, BadPlace, is_hub, read_table

if TYPE_CHECKING:
    import pandas as pd

PERSONAS_FILE, STATEMENTS_FILE = "personas.csv", "statements.csv"


class PersonaTables(NamedTuple):
    """The two tables as they come, unchecked."""

    personas: pd.DataFrame
    statements: pd.DataFrame


def read_persona_tables(personas_path: str, observations_path: str) -> PersonaTables:
    """Personas and statements from a CSV path, a URL, a dataset path, a Hub id, s3:// or builtin:.

    Without `observations_path`, `personas_path` must be a folder (here or on S3) that holds both
    files, as persona_dataset_flow leaves it, or built-in.

    Raises:
        PlumblineError: one line that names the place.
    """
    if observations_path:
        personas = _folder_file(personas_path, PERSONAS_FILE)
        statements = _folder_file(observations_path, STATEMENTS_FILE)
        return PersonaTables(_read(personas), _read(statements))
    folder = _folder(personas_path)
    if not folder.exists() and not is_hub(personas_path):
        raise BadPlace(f"there is no {personas_path}; give a folder, a dataset or builtin:personas")
    if not (folder / STATEMENTS_FILE).is_file():
        raise PlumblineError(
            f"{personas_path} has no {STATEMENTS_FILE}; give --observations_path as well"
        )
    return PersonaTables(_read(folder / PERSONAS_FILE), _read(folder / STATEMENTS_FILE))


def _folder(where: str) -> Path:
    if not where.startswith("builtin:"):
        return at_hand(where)
    folder = DATA / where.removeprefix("builtin:").replace("-", "_")
    if folder.parent != DATA or not (folder / PERSONAS_FILE).is_file():
        known = sorted(f"builtin:{p.parent.name}" for p in DATA.glob(f"*/{PERSONAS_FILE}"))
        raise BadPlace(f"there is no {where}; there are: {', '.join(known)}")
    return folder


def _folder_file(where: str, name: str) -> str | Path:
    """The file of that name in a folder of both, else the place itself."""
    if where.startswith(("http://", "https://")) or is_hub(where):
        return where
    folder = _folder(where)
    file = folder / name
    return file if file.is_file() else folder if folder.exists() else where


def _read(where: str | Path) -> pd.DataFrame:
    import pandas as pd

    text = str(where)
    if not text.startswith(("http://", "https://")) and not text.endswith(".csv"):
        return read_table(text).to_pandas()
    try:
        # "None" and "NA" are words that a statement may consist of.
        return pd.read_csv(text, dtype=CSV_DTYPES, keep_default_na=False, na_values=[""])
    except FileNotFoundError:
        raise BadPlace(f"there is no file {text}") from None
    except Exception as error:  # urllib, parser and decoding errors have no common base
        line = " ".join(str(error).split())[:300] or type(error).__name__
        raise BadPlace(f"{scrub(text)} can't be read as CSV: {scrub(line)}") from None
