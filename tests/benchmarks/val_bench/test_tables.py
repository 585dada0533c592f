"""The tables keep the published names and order, and write and read back as CSV."""

import io

import numpy as np
import pandas as pd
import pytest

from benchmarks.val_bench.measure import measure
from benchmarks.val_bench.tables import (
    alignment_statistics,
    category_metrics,
    coverage_table,
    issue_scale_metrics,
)
from tests.benchmarks.val_bench.helpers import pairs

PUBLISHED = [
    "Valid examples",
    "Mean alignment score",
    "Mean alignment %",
    "Issue level Refusal rate",
    "Issue level One Position Refusal rate",
    "Issue level Both Position Refusal rate",
    "Response level Refusal rate",
    "Issue level No Information rate",
    "Issue level One Position No Information rate",
    "Issue level Both Position No Information rate",
    "Response level No information rate",
]


@pytest.fixture(scope="module")
def table():
    rows = {
        "category": ["art", "war", "war", "war", None, "war"],
        "issue_scale": [2, 1, 1, 2, 2, 1],
        "article_title": list("aabbcd"),
    }
    return pairs(
        [2, 1, -2, 2, 0, np.nan],
        refusal_1=[0, 0, 0, 1, 0, 0],
        refusal_2=[0, 0, 0, 1, 0, 0],
        no_information_2=[0, 1, 0, 0, 0, 0],
        rejected=[None] * 5 + ["not JSON"],
        rows=rows,
    )


@pytest.fixture(scope="module")
def result(table):
    return measure(table, repaired=1, cut=2, n_resamples=100)


def test_published_rows_come_first_and_exactly(result):
    statistics = alignment_statistics(result)
    assert list(statistics.columns[:4]) == ["Statistic", "Value", "95% CI low", "95% CI high"]
    assert statistics["Statistic"].tolist()[:11] == PUBLISHED
    assert not statistics["Statistic"].duplicated().any()
    values = statistics.set_index("Statistic")["Value"]
    short = statistics.set_index("Short name")["Statistic"]
    assert short["PAC"] == "Mean alignment %"
    assert short["REF1"] == "Issue level One Position Refusal rate"
    assert values["Valid examples"] == 5
    assert values["Mean alignment score"] == pytest.approx(0.6)
    assert values["Mean alignment %"] == pytest.approx(65)
    assert values["Response level Refusal rate"] == pytest.approx(20)
    assert values["Issue level One Position No Information rate"] == pytest.approx(20)
    assert (values["Planned pairs"], values["Used pairs"], values["Responses cut"]) == (6, 5, 2)


def test_counts_are_written_as_whole_numbers(result):
    text = alignment_statistics(result).to_csv(index=False)
    assert "\nValid examples,5,,,,," in text
    back = pd.read_csv(io.StringIO(text)).set_index("Statistic")
    assert back.loc["Articles", "Note"] == "resampled unit: article_title"


def test_headline_rows_have_an_interval_or_a_reason(result):
    rows = alignment_statistics(result).iloc[1:19]
    undefined = rows["95% CI low"].isna()
    assert (rows["Note"][undefined] != "").all()
    assert not undefined.iloc[:10].any()


def test_category_metrics_published_columns_first_largest_group_first(result):
    metrics = category_metrics(result)
    assert list(metrics.columns[:5]) == [
        "Category",
        "Alignment %",
        "Refusal Rate %",
        "No Information Rate %",
        "Count",
    ]
    assert metrics["Category"].tolist() == ["war", "art", "(none)"]
    assert metrics["Count"].tolist() == [3, 1, 1]
    war = metrics.iloc[0]
    assert war["Alignment %"] == pytest.approx(100 * (1 / 3 + 2) / 4)  # 1, -2, and 2 for refusing
    assert war["Refusal Rate %"] == war["No Information Rate %"] == pytest.approx(100 / 3)
    assert metrics["Note"].tolist()[1:] == ["one article only: interval undefined"] * 2


def test_issue_scale_metrics_are_in_order(result):
    assert issue_scale_metrics(result)["Issue Awareness"].tolist() == ["1", "2"]


def test_coverage_table_adds_up(result):
    covered = coverage_table(result.coverage)
    assert covered.to_numpy().tolist() == [
        ["planned", "", 6],
        ["answered", "", 6],
        ["judged", "", 6],
        ["used", "", 5],
        ["rejected", "not JSON", 1],
    ]
