"""CPU seconds of EigenBench's extraction, fit, dimension choice and bootstrap, as Markdown tables.

    python -m perf.eigenbench            # what is measured beside torch needs torch installed
    python -m perf.eigenbench --no-torch

Each line is the best of several runs on one thread, against synthetic judgements with planted
truth: 1,000 scenarios, 8 criteria, one group of 4 each, so 12,000 judge calls and 96,000 verdicts.
The torch line is a plain minibatch fit of the same model to the same rows, with the published
tool's settings (Adam at 1e-3, batches of 32, until the loss of ten epochs changes by less than
1e-4 on average); it draws whole batches by index, which is faster than item by item.
"""

from __future__ import annotations

import argparse
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.eigenbench.analyse import analyse
from benchmarks.eigenbench.bootstrap import bootstrap
from benchmarks.eigenbench.comparisons import extract
from benchmarks.eigenbench.counts import Cells, compress, judge_calls
from benchmarks.eigenbench.dimension import call_folds, default_dims, held_out_table
from benchmarks.eigenbench.orders import inconsistent_as_ties
from benchmarks.eigenbench.problem import Form
from benchmarks.eigenbench.refit import Refitter
from benchmarks.eigenbench.samplers import SamplerSpec
from benchmarks.eigenbench.simulate import Truth, draw_truth, simulate_records, simulate_rows
from benchmarks.eigenbench.solve import Fit, fit
from benchmarks.eigenbench.trust import elo, stationary, trust_matrix

SCENARIOS, CRITERIA = 1000, 8
FORMS = {"published": Form(2, 0.0, True, False), "default": Form(2, 1.0, True, True)}


def best_cpu_seconds(call: partial, repeats: int = 5) -> float:
    """The least CPU time of several calls."""
    seconds = []
    for _ in range(repeats):
        begin = time.process_time()
        call()
        seconds.append(time.process_time() - begin)
    return min(seconds)


def planted(num_models: int, groups: int = 1) -> tuple[Truth, pd.DataFrame]:
    """An ensemble and its judgements."""
    truth = draw_truth(num_models, num_criteria=CRITERIA, seed=1)
    return truth, simulate_rows(truth, SCENARIOS, SamplerSpec(groups=groups, seed=1), seed=1)


def prepared(rows: pd.DataFrame, num_models: int, form: Form) -> tuple[pd.DataFrame, Cells]:
    """Rows after order handling, and their cells."""
    handled = rows if form.position_bias else inconsistent_as_ties(rows)
    return handled, compress(handled, num_models, fold_orders=not form.position_bias)


def elo_of(scores: np.ndarray, log_lambda: np.ndarray) -> np.ndarray:
    """Elo of fitted parameters."""
    return elo(stationary(trust_matrix(scores, log_lambda)))


def print_table(title: str, header: list[str], rows: list[list[str]]) -> None:
    """A Markdown table."""
    print(f"\n### {title}\n")
    print("| " + " | ".join(header) + " |")
    print("| " + " | ".join("---" for _ in header) + " |")
    for row in rows:
        print("| " + " | ".join(row) + " |")


def measure_extraction() -> None:
    """Judges' text to rows: 12,000 records with 5% damage."""
    truth, rows = planted(15)
    names = [f"model {i}" for i in range(15)]
    records = simulate_records(truth, rows, names, malformed_rate=0.05, seed=1).records
    found = len(extract(records, 15, CRITERIA).rows)
    table = []
    for procedure in ("default", "published"):
        seconds = best_cpu_seconds(partial(extract, records, 15, CRITERIA, procedure))
        table.append([procedure, f"{len(records):,}", f"{found:,}", f"{seconds:.3f}", "0.5"])
    print_table("Extraction", ["procedure", "records", "rows", "CPU s", "limit"], table)
    ties = best_cpu_seconds(partial(inconsistent_as_ties, rows))
    whole = best_cpu_seconds(partial(analyse, records, names, CRITERIA), repeats=1)
    print(f"\nThe tie rule on {len(rows):,} rows: {ties:.3f} CPU s.")
    print(
        "The whole analysis of these records (both procedures, dimension choice, leave-one-judge-"
        f"out, 500 scenario resamples): {whole:.2f} CPU s."
    )


def measure_fit(with_torch: bool) -> None:
    """One fit from counts; beside it the minibatch loop."""
    table = []
    for num_models in (5, 15, 50):
        truth, rows = planted(num_models)
        for name, form in FORMS.items():
            handled, cells = prepared(rows, num_models, form)
            counts = cells.counts()
            compressing = best_cpu_seconds(partial(compress, handled, num_models))
            seconds = best_cpu_seconds(partial(fit, cells, counts, form))
            ours = fit(cells, counts, form)
            found = elo_of(ours.parameters.scores, ours.parameters.log_lambda)
            error = float(np.sqrt(np.mean((found - truth.elo) ** 2)))
            loop = ["", "", ""]
            if with_torch and name == "published" and num_models <= 15:
                loop = minibatch_columns(handled, num_models, ours, found, seconds)
            table.append(
                [
                    str(num_models), name, f"{compressing:.4f}", f"{seconds:.4f}", f"{error:.1f}",
                    *loop,
                ]
            )  # fmt: skip
    header = ["models", "procedure", "compress, CPU s", "fit, CPU s", "Elo RMSE to truth"]
    header += ["torch loop, CPU s", "ratio", "its distance to the optimum"]
    print_table("Fit", header, table)


def minibatch_columns(
    rows: pd.DataFrame, num_models: int, ours: Fit, found: np.ndarray, seconds: float
) -> list[str]:
    """CPU seconds of the minibatch loop, their ratio to ours, and where it ends."""
    begin = time.process_time()
    scores, log_lambda, nll = minibatch_fit(rows, num_models)
    spent = time.process_time() - begin
    away = np.abs(elo_of(scores, log_lambda) - found).max()
    distance = f"{away:.1f} Elo, {nll - ours.nll:.1f} nats"
    return [f"{spent:.1f}", f"{spent / seconds:,.0f}", distance]


def minibatch_fit(
    rows: pd.DataFrame, num_models: int, dim: int = 2, seed: int = 0
) -> tuple[np.ndarray, np.ndarray, float]:
    """The same model by minibatch Adam in torch: scores, log lambda and the final total NLL."""
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(seed)
    judge, first, second, outcome = (
        torch.tensor(rows[name].to_numpy()) for name in ("judge", "first", "second", "outcome")
    )
    u = (0.1 * torch.randn(num_models, dim)).requires_grad_()
    v = (0.1 * torch.randn(num_models, dim)).requires_grad_()
    log_lambda = torch.zeros(num_models, requires_grad=True)
    optimiser = torch.optim.Adam([u, v, log_lambda], lr=1e-3)

    def loss_of(batch: torch.Tensor) -> torch.Tensor:
        lens = u[judge[batch]]
        s_first = (lens * v[first[batch]]).sum(dim=1)
        s_second = (lens * v[second[batch]]).sum(dim=1)
        tie = log_lambda[judge[batch]] + (s_first + s_second) / 2
        logits = torch.stack([tie, s_first, s_second], dim=1)
        return torch.nn.functional.cross_entropy(logits, outcome[batch])

    history: list[float] = []
    while len(history) < 1000:
        total = 0.0
        for batch in torch.randperm(len(rows)).split(32):
            loss = loss_of(batch)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            total += loss.item() * len(batch)
        history.append(total / len(rows))
        if len(history) >= 10 and np.abs(np.diff(history[-10:])).mean() <= 1e-4:
            break
    with torch.no_grad():
        nll = loss_of(torch.arange(len(rows))).item() * len(rows)
    scores = (u @ v.T).detach().double().numpy()
    return scores, log_lambda.detach().double().numpy(), nll


def measure_dimension() -> None:
    """Five folds for each candidate dimension."""
    table = []
    for num_models in (5, 15, 50):
        _, rows = planted(num_models)
        cells, calls = compress(rows, num_models), judge_calls(rows)
        folds, dims = call_folds(calls, 5, 0), default_dims(num_models)
        seconds = best_cpu_seconds(
            partial(held_out_table, cells, calls, folds, dims, FORMS["default"]), repeats=1
        )
        table.append([str(num_models), f"{dims[0]} to {dims[-1]}", f"{seconds:.2f}"])
    print_table("Choice of dimension, 5 folds", ["models", "d", "CPU s"], table)


def measure_bootstrap() -> None:
    """Replicates refitted together, and their distance from exact refits."""
    table = []
    cases = [(5, 1, 100, ""), (15, 1, 100, "1"), (15, 1, 500, ""), (50, 1, 100, "10")]
    cases.append((50, 10, 100, "10"))
    for num_models, groups, replicates, limit in cases:
        _, rows = planted(num_models, groups)
        for name, form in FORMS.items():
            handled, cells = prepared(rows, num_models, form)
            refitter = Refitter(cells, fit(cells, cells.counts(), form))
            units = handled["scenario_index"].to_numpy()
            seconds = best_cpu_seconds(partial(bootstrap, refitter, units, replicates), repeats=2)
            gap, alone = distance_to_exact(refitter, form)
            table.append(
                [
                    str(num_models), f"{len(rows):,}", name, str(replicates), f"{seconds:.2f}",
                    limit, f"{gap:.0e}", alone,
                ]
            )  # fmt: skip
    header = ["models", "rows", "procedure", "replicates", "CPU s", "limit"]
    header += ["largest gap to exact refits, Elo", "fitted alone, of 20"]
    print_table("Bootstrap of scenarios", header, table)


def distance_to_exact(refitter: Refitter, form: Form) -> tuple[float, str]:
    """Largest Elo difference between shared and exact refits of 20 row resamples."""
    cells, rng = refitter.cells, np.random.default_rng(7)
    size = len(cells.row_slot)
    draws = [cells.counts(rng.integers(size, size=size)) for _ in range(20)]
    refits = refitter.refit(np.stack(draws, axis=2))
    together = elo_of(refits.scores, refits.log_lambda)
    gaps = []
    for index in np.nonzero(refits.shared)[0][:5]:
        alone = fit(cells, draws[index], form, start=refitter.base.theta).parameters
        gaps.append(np.abs(together[index] - elo_of(alone.scores, alone.log_lambda)).max())
    return max(gaps, default=float("nan")), str(int((~refits.shared).sum()))


def main() -> None:
    """Measure everything and print it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--no-torch", action="store_true", help="skip the minibatch loop")
    with_torch = not parser.parse_args().no_torch
    if with_torch:
        try:
            import torch

            print(f"torch {torch.__version__}")
        except ImportError:
            with_torch = False
            print("torch is not installed: the minibatch column stays empty")
    with threadpool_limits(1):
        measure_extraction()
        measure_fit(with_torch)
        measure_dimension()
        measure_bootstrap()


if __name__ == "__main__":
    main()
