"""What a persona data set ends with: its tables, who fell short, and how it came about."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.steerability.generation import prompts
from benchmarks.steerability.generation.rounds import status
from flows.manifest import hash_of, manifest, model_entry
from flows.persona_tables import PERSONAS_FILE, STATEMENTS_FILE
from inference.usage import show_cost


def tell(flow: Any, data: Any) -> str:
    """What there is, and who fell short."""
    shop = flow.workshop
    title = f"Persona statements by {shop.writer.label}, checked by {shop.checker.label}"
    if flow.simulated:
        title += " (SIMULATED models: shows the pipeline, the statements are of no use)"
    lines = [
        title,
        "",
        f"{len(data.personas)} of {len(shop.personas)} personas with "
        f"{len(data.statements):,} statements; rounds: {len(flow.rounds)}; "
        f"{show_cost(flow.usage['cost_usd'])}",
        *(tell_round(row) for row in flow.rounds),
    ]
    if len(data.short):
        lines.append(f"{len(data.short)} times too few statements of a kind (short.csv):")
    for row in data.short.head(10).itertuples():
        kind = "agree" if row.is_agree else "disagree"
        out = ", left out" if row.left_out else ""
        lines.append(f"- {row.persona_description}: {row.have} to {kind} with{out}")
    return "\n".join(lines)


def write_datasets(flow: Any, data: Any) -> None:
    """Both tables as datasets, where --output_dataset_path asks for them."""
    import pyarrow as pa

    from tables.places import write_table

    for place, table in zip(flow.datasets(), (data.personas, data.statements), strict=False):
        rows = pa.Table.from_pandas(table, preserve_index=False)
        write_table(rows, place, flow.work(), flow.manifest)


def write_files(flow: Any, folder: Path, data: Any) -> None:
    """The data set and how it came about; the manifest last."""
    import pandas as pd

    from reporting.files import write_json, write_text

    (folder / "manifest.json").unlink(missing_ok=True)
    files = {
        PERSONAS_FILE: data.personas,
        STATEMENTS_FILE: data.statements,
        "rounds.csv": pd.DataFrame(flow.rounds),
        "dropped.csv": flow.books.dropped,
        "short.csv": data.short,
    }
    for name, table in files.items():
        write_text(folder / name, table.to_csv(index=False))
    write_json(folder / "manifest.json", flow.manifest)


def make_manifest(flow: Any) -> dict[str, Any]:
    """What this run was."""
    shop = flow.workshop
    wording = {name: text for name, text in vars(prompts).items() if name.isupper()}
    return manifest(
        flow,
        "persona_dataset",
        work=flow.work(),
        writer=model_entry(shop.writer, shop.writer_sampling),
        checker=model_entry(shop.checker, shop.checker_sampling),
        embeddings={"model": flow.embeddings, "threshold": flow.similarity_threshold},
        prompt_hash=hash_of(wording),
        dataset=flow.counts,
        rounds=flow.rounds,
        outcome=status(flow.books),
        simulated=flow.simulated,
        seeds={"random_state": flow.random_state},
        usage=flow.usage,
    )


def tell_round(row: dict[str, int]) -> str:
    """A round in one line."""
    words = (f"{n:,} {name.replace('_', ' ')}" for name, n in row.items() if name != "round")
    return f"round {row['round']}: {', '.join(words)}"
