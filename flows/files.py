"""Single files that a run is given: they travel with the run, wherever its tasks are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from metaflow import IncludeFile

from flows.parent import is_remote
from inference.errors import PlumblineError

FILES: set[str] = set()
"""Parameters that hold a file's text, not its path."""


class TextFile(IncludeFile):
    """A file that must be text."""

    def load_parameter(self, v: Any) -> Any:
        """Its text, None without.

        Raises:
            PlumblineError: it is no text.
        """
        try:
            return super().load_parameter(v)
        except UnicodeDecodeError:
            raise PlumblineError(f"--{self.name}: the file is no text in UTF-8") from None


def file_parameter(name: str, help: str) -> Any:
    """A parameter that is given as a path, and is the file's text in every task; None without."""
    FILES.add(name)
    return TextFile(name, help=help, default=None)


def read_text(path: Path | str, what: str) -> str:
    """The text of a file that a parameter, or a file of the user's, names.

    Raises:
        PlumblineError: it can't be read.
    """
    try:
        return Path(path).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise PlumblineError(f"{what} {path} is no text in UTF-8") from None
    except OSError as error:
        raise PlumblineError(f"{what} {path} can't be read: {error.strerror}{hint()}") from None


def hint() -> str:
    """What to do where a file is missing because the task is elsewhere."""
    if not is_remote():
        return ""
    return (
        "; a remote task has the files of the code package (runs/, data/, judges/), not the "
        "launcher's: put it there"
    )
