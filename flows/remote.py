"""Remote compute: which S3 prefix stands for the working folder, and how results get there."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from flows.parent import is_remote
from inference.errors import PlumblineError
from tables.located import ROOT_VARIABLE, located, remote_root
from tables.on_s3 import download_folder, read_object, upload_folder
from tables.places import is_hub

LAST = "manifest.json"
"""Its being there means that a folder of results is complete."""
_staged: dict[Path, str] = {}
_fetched: dict[str, Path] = {}
_kept: list[tempfile.TemporaryDirectory[str]] = []


def find_place() -> None:
    """On remote compute, let a prefix on S3 stand for the working folder from now on.

    Raises:
        PlumblineError: Metaflow knows no S3 prefix for data.
    """
    if not is_remote() or os.environ.get(ROOT_VARIABLE):
        return
    from metaflow.metaflow_config import DATATOOLS_S3ROOT

    if not DATATOOLS_S3ROOT:
        raise PlumblineError(
            "a remote task needs a place on S3: set METAFLOW_DATATOOLS_S3ROOT (docs/scale.md)"
        )
    os.environ[ROOT_VARIABLE] = f"{DATATOOLS_S3ROOT.rstrip('/')}/plumbline"


def staged(place: str) -> Path:
    """The folder for results that belong at `place`: the place itself, or one that is uploaded.

    What is written into a staging folder goes to S3 when the step ends (`publish`).
    """
    place = located(place)
    if not place.startswith("s3://"):
        return Path(place)
    for folder, target in _staged.items():
        if target == place:
            return folder
    folder = Path(tempfile.mkdtemp(prefix="plumbline-results-"))
    _staged[folder] = place
    earlier = read_object(f"{place.rstrip('/')}/{LAST}")
    if earlier is not None:
        (folder / LAST).write_bytes(earlier)
    return folder


def at_hand(place: str) -> Path:
    """What a run left at `place`, a folder or a file, as one on this machine's disk.

    Under remote compute, what the code package does not hold is looked for where remote runs leave
    their results. A local path that isn't there comes back as it is.

    Raises:
        BadPlace: it is on S3, and not there.
    """
    if not place.startswith("s3://") and (Path(place).exists() or not remote_root()):
        return Path(place)
    target = located(place).rstrip("/")
    if target not in _fetched:
        # A run is called after its folder, and one of EigenBench after the folder above it.
        names = target.removeprefix("s3://").split("/")[1:][-2:]
        root = tempfile.TemporaryDirectory(prefix="plumbline-results-")
        _kept.append(root)
        path = _fetched[target] = Path(root.name, *names)
        path.parent.mkdir(parents=True, exist_ok=True)
        content = read_object(target) if path.suffix else None
        if content is not None:
            path.write_bytes(content)
        else:
            download_folder(target, path)
    return _fetched[target]


def check_outlives(place: str, what: str) -> None:
    """Refuse a local place for what is to be kept, where this machine is gone afterwards.

    Raises:
        PlumblineError: so it is.
    """
    if is_remote() and not place.startswith("s3://") and not is_hub(place):
        raise PlumblineError(
            f"{what} {place} would be written to a remote task's machine, which is gone "
            "afterwards; give a place that lasts (s3://..., the Hub)"
        )


def shown(folder: Path | str) -> str:
    """A results folder as a user knows it: the S3 place of a staging folder, else its path."""
    return _staged.get(Path(folder), str(folder))


def publish() -> None:
    """Upload what the step wrote into its staging folders, the manifest last."""
    for folder, place in list(_staged.items()):
        if any(path.is_file() and path.name != LAST for path in folder.rglob("*")):
            upload_folder(folder, place, last=LAST)
