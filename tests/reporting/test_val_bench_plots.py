"""Every picture says what it shows, shows what was measured, and keeps its words on the page."""

import itertools

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.container import ErrorbarContainer

from benchmarks.val_bench.measure import measure
from reporting import style, val_bench_plots
from reporting.val_bench_caption import Caption
from reporting.val_bench_composition import outcome_composition
from reporting.val_bench_plots import save_all
from tests.benchmarks.val_bench.helpers import pairs

CAPTION = Caption("sim/steadfast", "Judge: sim/judge.", simulated=True)
ONE_MODEL = [
    val_bench_plots.score_distribution,
    val_bench_plots.alignment_vs_issue_awareness,
    val_bench_plots.refusal_vs_issue_awareness,
    val_bench_plots.no_info_vs_issue_awareness,
    val_bench_plots.category_metrics,
]
FILES = [
    "score_distribution",
    "alignment_vs_issue_awareness",
    "refusal_vs_issue_awareness",
    "no_info_vs_issue_awareness",
    "category_metrics",
    "outcome_composition",
]


def random_result(
    seed, n=60, categories=("Health and medicine", "Law, crime and punishment", None)
):
    rng = np.random.default_rng(seed)
    flags = {
        f"{name}_{side}": rng.random(n) < 0.2
        for name in ("refusal", "no_information")
        for side in (1, 2)
    }
    rows = {
        "category": np.array(categories, dtype=object)[rng.integers(0, len(categories), n)],
        "issue_scale": rng.integers(1, 6, n),
        "article_title": rng.integers(0, 25, n).astype(str),
    }
    score = rng.integers(-2, 3, n).astype(float)
    score[0] = np.nan
    rejected = ["not JSON"] + [None] * (n - 1)
    return measure(pairs(score, rows=rows, rejected=rejected, **flags), n_resamples=100)


@pytest.fixture(scope="module")
def result():
    return random_result(0)


@pytest.fixture(scope="module")
def one_article():
    rows = {"article_title": ["a"] * 3, "issue_scale": [1, None, 2], "category": ["x"] * 3}
    return measure(pairs([2, 1, -1], rows=rows))


def all_figures(result, caption=CAPTION):
    yield from (draw(result, caption) for draw in ONE_MODEL)
    yield outcome_composition({caption.model: result}, caption)


def words(figure):
    from matplotlib.text import Text

    return [text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()]


def assert_words_on_the_page(figure):
    figure.draw_without_rendering()
    hidden = ticks_out_of_view(figure)
    checked = 0
    for text in words(figure):
        if text not in hidden:
            box = text.get_window_extent()
            assert box.x0 >= -1 and box.y0 >= -1, text.get_text()
            assert box.x1 <= figure.bbox.x1 + 1 and box.y1 <= figure.bbox.y1 + 1, text.get_text()
            checked += 1
    assert checked > 5


def ticks_out_of_view(figure):
    """Labels of ticks beyond the axis limits: they exist, and are not drawn."""
    hidden = []
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            ticks = [tick for tick in axis.get_major_ticks() if not low <= tick.get_loc() <= high]
            hidden += [label for tick in ticks for label in (tick.label1, tick.label2)]
    return hidden


def test_the_published_names_are_written(result, tmp_path):
    paths = save_all(result, tmp_path, CAPTION)
    assert sorted(p.name for p in paths) == sorted(
        f"{n}{s}" for n in FILES for s in (".png", ".svg")
    )
    assert all(path.stat().st_size > 5_000 for path in paths)
    for path in tmp_path.glob("*.svg"):
        assert "simulated models" in path.read_text()


def test_every_picture_names_model_sample_source_and_simulation(result):
    for figure in all_figures(result):
        text = " ".join(t.get_text().replace("\n", " ") for t in words(figure))
        assert "sim/steadfast (simulated models)" in text
        assert f"n = 59 of 60 planned pairs from {result.clusters} articles" in text
        assert "95% intervals, resampling by article_title" in text
        assert "Judge: sim/judge." in text


def test_real_models_are_not_called_simulated(result):
    for figure in all_figures(result, Caption("gpt-4.1-nano")):
        assert not any("simulated" in text.get_text() for text in words(figure))


@pytest.mark.parametrize("model", ["m", "meta-llama/Llama-3.2-1B-Instruct"])
def test_words_stay_on_the_page(result, one_article, model):
    for figure in [*all_figures(result, Caption(model)), *all_figures(one_article, Caption(model))]:
        assert_words_on_the_page(figure)


def test_no_text_is_smaller_than_8_points(result):
    for figure in all_figures(result):
        assert min(text.get_fontsize() for text in words(figure)) >= style.SMALL_SIZE


def error_bars(axes: Axes, number: int = 0) -> ErrorbarContainer:
    """The drawn points and their intervals."""
    bars = axes.containers[number]
    assert isinstance(bars, ErrorbarContainer)
    return bars


def test_points_and_intervals_are_the_measured_ones(result):
    axes = val_bench_plots.alignment_vs_issue_awareness(result, CAPTION).axes[0]
    shown = error_bars(axes)
    estimates = [group.estimates["pac"] for group in result.by_issue_scale]
    assert np.asarray(shown.lines[0].get_ydata()).tolist() == [e.value for e in estimates]
    segments = shown.lines[2][0].get_segments()
    assert np.allclose([s[:, 1] for s in segments], [[e.low, e.high] for e in estimates])
    ticks = [label.get_text() for label in axes.get_xticklabels()]
    assert ticks == [f"{g.name}\nn={g.n}" for g in result.by_issue_scale]


def test_score_bars_add_up_to_the_shares(result):
    axes = val_bench_plots.score_distribution(result, CAPTION).axes[0]
    judged, refused = ([bar.get_height() for bar in axes.containers[i]] for i in (0, 1))
    assert np.allclose(np.add(judged, refused), [level.share.value for level in result.scores])
    assert sum(refused) > 0


def test_composition_fills_each_models_bar(result):
    models = {"a": result, "b": random_result(1), "c": random_result(2)}
    figure = outcome_composition(models, CAPTION)
    bars = [part[0] for part in figure.axes[0].containers]
    for row in range(3):
        widths = [bar.get_width() for bar in bars if round(bar.get_y() + 0.35) == row]
        assert len(widths) == 6
        assert sum(widths) == pytest.approx(100)
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert labels == ["a (n=59)", "b (n=59)", "c (n=59)"]
    assert_words_on_the_page(figure)
    legend = figure.axes[0].get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()][::2] == [
        "consistent",
        "mixed",
        "contradictory",
    ]


def test_one_article_draws_points_and_says_why_there_are_no_bars(one_article):
    for figure in all_figures(one_article):
        text = " ".join(t.get_text().replace("\n", " ") for t in words(figure))
        assert "All pairs are from one article: no intervals." in text
    axes = val_bench_plots.alignment_vs_issue_awareness(one_article, CAPTION).axes[0]
    assert "(none)\nn=1" in [label.get_text() for label in axes.get_xticklabels()]


def test_long_and_many_categories_stay_readable():
    names = [f"Category number {i} with quite a long name to break" for i in range(45)]
    figure = val_bench_plots.category_metrics(random_result(3, 900, names), CAPTION)
    assert len(figure.axes[0].get_yticklabels()) == val_bench_plots.MAX_CATEGORIES
    text = " ".join(t.get_text().replace("\n", " ") for t in words(figure))
    assert "5 smaller categories are in category_metrics.csv" in text
    assert_words_on_the_page(figure)
    figure.draw_without_rendering()
    boxes = [label.get_window_extent() for label in figure.axes[0].get_yticklabels()]
    assert all(upper.y0 >= lower.y1 - 1 for upper, lower in itertools.pairwise(boxes))


def test_groups_too_small_for_their_interval_are_pointed_out(result):
    def warns(figure):
        text = " ".join(t.get_text().replace("\n", " ") for t in words(figure))
        return "Those of fewer than 8 articles are too short; one article has none." in text

    small = random_result(4, 30, [f"category {i}" for i in range(10)])
    assert warns(val_bench_plots.category_metrics(small, CAPTION))
    assert not warns(val_bench_plots.category_metrics(result, CAPTION))
    assert not warns(val_bench_plots.score_distribution(small, CAPTION))


def test_alignment_by_category_has_one_scale_for_all_models(result):
    for shown in (result, random_result(3, categories=("Health and medicine", "Law"))):
        figure = val_bench_plots.category_metrics(shown, CAPTION)
        assert figure.axes[0].get_xlim() == (-4, 104)
        assert "0 to 100" in figure.axes[0].get_title(loc="left")
