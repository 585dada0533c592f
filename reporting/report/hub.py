"""Push files to a dataset repository on the Hub, in one commit; the card of a report's dataset."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import yaml

from inference.errors import PlumblineError
from inference.secrets import hub_token, scrub
from reporting.report.assemble import Report
from reporting.report.summary_section import SIMULATED
from reporting.report.tables import all_tables, leaderboards

CARD = "README.md"


def check_repository(repo: str) -> None:
    """Make sure that a dataset repository is there and can be written, before work is done for it.

    Raises:
        PlumblineError: no token, no such name, or no write access.
    """
    if not hub_token():
        raise PlumblineError(f"writing to the Hub dataset {repo} needs HF_TOKEN")
    try:
        _api().create_repo(repo, repo_type="dataset", private=True, exist_ok=True)
    except Exception as error:
        raise PlumblineError(f"the Hub dataset {repo} can't be written: {_line(error)}") from None


def upload(folder: Path, repo: str, message: str) -> str:
    """Commit every file of a folder; returns the commit's address.

    Raises:
        PlumblineError: the Hub refused it.
    """
    try:
        commit = _api().upload_folder(
            folder_path=str(folder), repo_id=repo, repo_type="dataset", commit_message=message
        )
    except Exception as error:
        raise PlumblineError(f"pushing to {repo} failed: {_line(error)}") from None
    return str(commit.commit_url)


def download_json(repo: str, name: str) -> Any:
    """A JSON file of a dataset repository; None where there is none.

    Raises:
        PlumblineError: it is there and can't be read.
    """
    from huggingface_hub.errors import EntryNotFoundError, RepositoryNotFoundError

    try:
        path = _api().hf_hub_download(repo, name, repo_type="dataset")
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except (EntryNotFoundError, RepositoryNotFoundError):
        return None
    except Exception as error:
        raise PlumblineError(f"{name} of {repo} can't be read: {_line(error)}") from None


def write_dataset(report: Report, folder: Path) -> None:
    """The report's tables as parquet, one configuration a table, with the dataset card."""
    filled = {name: table for name, table in all_tables(report).items() if len(table)}
    for name, table in filled.items():
        path = folder / "data" / f"{name}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        table.to_parquet(path, index=False)
    (folder / CARD).write_text(scrub(dataset_card(report, list(filled))), encoding="utf-8")


def dataset_card(report: Report, tables: list[str]) -> str:
    """README.md of the dataset: metadata, what it holds, the leaderboards, how to read them."""
    front = {
        "pretty_name": report.title,
        "tags": ["plumbline", "llm-evaluation", *report.boards],
        "configs": [
            {
                "config_name": name,
                "data_files": [{"split": "train", "path": f"data/{name}.parquet"}],
                **({"default": True} if name == "scores" else {}),
            }
            for name in tables
        ],
    }
    lines = [
        "---",
        yaml.safe_dump(front, sort_keys=False, allow_unicode=True).strip(),
        "---",
        "",
        f"# {report.title}",
        "",
        *([f"> {SIMULATED}", ""] if report.simulated else []),
        "Scores of language models with 95% intervals. Every rank interval holds the ranks that "
        "the data allow, for all models at once; `p_all` of a difference is corrected for the "
        "number of comparisons.",
        "",
    ]
    for name, table in leaderboards(report).items():
        scored = report.boards[name][0]
        lines += [f"## {scored.benchmark.title}", "", scored.benchmark.question, ""]
        lines += [*_markdown(table, scored.benchmark.measure(scored.benchmark.headline)), ""]
    lines += [f"Made by plumbline on {report.created[:10]} from {len(report.runs)} runs.", ""]
    return "\n".join(lines)


def _markdown(table: Any, measure: Any) -> list[str]:
    head = [
        f"| model | {measure.label} | 95% interval | rank | ranks allowed |",
        "| --- | ---: | --- | ---: | --- |",
    ]
    for row in table.itertuples():
        digits = measure.digits
        interval = f"{row.low:.{digits}f} to {row.high:.{digits}f}" if row.low == row.low else "–"
        ranks = f"{row.rank_low} to {row.rank_high}" if row.rank_low else "–"
        name = str(row.model).replace("|", "\\|")
        head.append(f"| {name} | {row.value:.{digits}f} | {interval} | {row.rank} | {ranks} |")
    return head


def _api() -> Any:
    from huggingface_hub import HfApi

    return HfApi(endpoint=os.environ.get("HF_ENDPOINT") or None, token=hub_token())


def _line(error: BaseException) -> str:
    return scrub(" ".join(str(error).split()))[:300] or type(error).__name__
