"""Human labels: bad input named, orders turned back, agreement with the judge, the alt-test."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from calibration.alt_test import AltTest, alt_test
from calibration.errors import CalibrationError, LabelsError
from calibration.people import check_labels, consensus, people
from calibration.simulate import (
    SimulatedJudge,
    blurred_confusion,
    coin_flip_judge,
    judge_pairs,
    perfect_judge,
    simulate_pairs,
)
from calibration.verdicts import FLAGS, adjusted_scores, verdict_table
from tests.calibration.figures import covers, present


def _crowd(
    truth: pd.DataFrame, annotators: list[SimulatedJudge], rng: np.random.Generator
) -> pd.DataFrame:
    parts = []
    for number, annotator in enumerate(annotators):
        said = judge_pairs(annotator, truth, rng)
        part = said[["item_id", *FLAGS]].assign(annotator=f"p{number}")
        parts.append(part.assign(alignment_score=said["score"]))
    return pd.concat(parts, ignore_index=True)


def _case(
    judge: SimulatedJudge, annotators: list[SimulatedJudge], n: int = 80, seed: int = 0
) -> tuple[pd.DataFrame, pd.DataFrame]:
    rng = np.random.default_rng(seed)
    truth = simulate_pairs(rng, n)
    return _crowd(truth, annotators, rng), judge_pairs(judge, truth, rng)


CAREFUL = SimulatedJudge(blurred_confusion(0.85), 0.95, 0.98)


def _break(labels: pd.DataFrame, how: str) -> pd.DataFrame:
    changed = labels.copy()
    if how == "column":
        return changed.drop(columns="annotator")
    if how == "unknown":
        changed.loc[0, "item_id"] = "stranger"
    elif how == "empty":
        changed["alignment_score"] = np.nan
    elif how == "overlap":
        changed["item_id"] = "other-" + changed["item_id"]
    elif how == "twice":
        return pd.concat([changed, changed.head(1)])
    elif how == "score":
        changed.loc[3, "alignment_score"] = 1.5
    elif how == "flag":
        changed["refusal_1"] = changed["refusal_1"].astype(object)
        changed.loc[3, "refusal_1"] = "maybe"
    return changed


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ("column", "no 'annotator' column"),
        ("unknown", "1 item.s. that were not judged, such as 'stranger'"),
        ("empty", "hold no label"),
        ("overlap", "No labelled item is among the judged ones"),
        ("twice", "twice: keep one row"),
        ("score", "needs a whole score"),
        ("flag", "refusal flags as true or false"),
    ],
)
def test_bad_labels_are_named_in_one_line(how: str, says: str) -> None:
    labels, judged = _case(CAREFUL, [CAREFUL])
    with pytest.raises(LabelsError, match=says) as caught:
        check_labels(_break(labels, how), judged)
    assert "\n" not in str(caught.value)


def test_spreadsheet_words_and_turned_orders_are_read() -> None:
    judged = judge_pairs(
        perfect_judge(), simulate_pairs(np.random.default_rng(0), 3), np.random.default_rng(0)
    )
    labels = pd.DataFrame(
        {
            "item_id": judged["item_id"],
            "annotator": "anna",
            "shown": [12, "21", "21"],
            "alignment_score": ["1", 2, None],
            "refusal_1": ["TRUE", "yes", None],
            "refusal_2": ["false", "0", None],
        }
    )
    checked = check_labels(labels, judged)
    assert list(checked["refusal_1"]) == [1.0, 0.0]
    assert list(checked["refusal_2"]) == [0.0, 1.0]
    assert list(checked["cluster"]) == list(judged["cluster"][:2])


def test_consensus_is_the_mean_score_and_the_majority_flag() -> None:
    rows = [
        ("a", "x", 2, 0),
        ("a", "y", 1, 0),
        ("a", "z", 1, 1),
        ("b", "x", 0, 0),
        ("b", "y", 0, 1),
    ]
    table = pd.DataFrame(rows, columns=["item_id", "annotator", "score", "refusal_1"])
    for flag in FLAGS[1:]:
        table[flag] = 0.0
    table["valid"] = True
    found = consensus(table)
    assert found.loc["a", "score"] == pytest.approx((2 + 1 + 0) / 3)
    assert found.loc["a", "refusal_1"] == 0.0
    assert np.isnan(found.loc["b", "refusal_1"])


def test_a_good_judge_agrees_with_people_and_a_coin_does_not() -> None:
    labels, judged = _case(CAREFUL, [CAREFUL, CAREFUL, CAREFUL])
    found = people(labels, judged, draws=200)
    assert found.annotators == ("p0", "p1", "p2") and found.items == 80 and found.labels == 240
    assert len(found.pairs) == 6 and found.pairs[0].first == "judge"
    alpha = present(found.alpha_people.value)
    assert alpha > 0.6
    assert abs(present(found.alpha_with_judge.value) - alpha) < 0.1
    assert all(present(pair.refusal.value) > 0.6 for pair in found.pairs)
    labels, judged = _case(coin_flip_judge(), [CAREFUL, CAREFUL])
    lost = people(labels, judged, draws=200)
    assert present(lost.pairs[0].score.low) < 0.15 < present(lost.pairs[2].score.low)


def test_one_annotator_and_a_constant_one() -> None:
    labels, judged = _case(CAREFUL, [CAREFUL])
    labels["alignment_score"], labels["refusal_1"], labels["refusal_2"] = 1, 0, 0
    found = people(labels, judged, draws=50)
    assert found.pairs[0].score.value is None and "p0" in str(found.pairs[0].score.reason)
    assert "second annotator" in str(found.alpha_people.reason)


def test_alt_test_lets_a_better_judge_replace_people_and_no_coin() -> None:
    rough = SimulatedJudge(blurred_confusion(0.6), 0.9, 0.95)
    labels, judged = _case(perfect_judge(), [rough] * 3)
    won = alt_test(labels, judged, draws=200)
    assert won.winning_rate == 1.0 and won.passes and all(c.test == "t" for c in won.contests)
    assert present(won.advantage.value) > 0.7
    assert won.advantage.value == pytest.approx(np.mean([c.judge_advantage for c in won.contests]))
    labels, judged = _case(coin_flip_judge(), [CAREFUL] * 3)
    lost = alt_test(labels, judged, epsilon=0.1, draws=200)
    assert lost.winning_rate == 0.0 and lost.passes is False


def test_alt_test_by_hand() -> None:
    """Three annotators, ten items: the judge errs on one item, annotator c on five."""
    items = [f"i{number}" for number in range(10)]
    rows = []
    for name, wrong in (("a", 0), ("b", 0), ("c", 5)):
        for number, item in enumerate(items):
            rows.append((item, name, -1 if number < wrong else 1, False, False))
    labels = pd.DataFrame(
        rows, columns=["item_id", "annotator", "alignment_score", "refusal_1", "refusal_2"]
    )
    judged = pd.DataFrame({"item_id": items, "score": [1] * 9 + [-1]})
    for flag in FLAGS:
        judged[flag] = 0
    found = alt_test(labels, judged, score="accuracy", draws=100)
    a, _, c = found.contests
    # Against c: the judge matches a and b on nine items, c on five, both on four.
    assert (c.judge_advantage, c.human_advantage) == (0.9, 0.5)
    # Against a: the judge matches {b, c} as well as a does on all items but the last.
    assert (a.judge_advantage, a.human_advantage) == (0.9, 1.0)
    assert a.test == "signed-rank" and a.n == 10


def test_alt_test_draws_articles_with_all_their_items() -> None:
    """A judge that is wrong on all of an article's five pairs or on none, right in 70% of articles:
    item by item the interval held that in 67% of worlds."""
    covered = 0
    for seed in range(60):
        right = np.random.default_rng(seed).random(24) < 0.7
        judged = pd.DataFrame(
            {
                "item_id": [f"i{number}" for number in range(120)],
                "cluster": np.arange(24).repeat(5),
                "score": np.where(right.repeat(5), 1, -1),
                **dict.fromkeys(FLAGS, 0),
            }
        )
        said = judged[["item_id"]].assign(alignment_score=1, refusal_1=False, refusal_2=False)
        labels = pd.concat([said.assign(annotator=name) for name in "ab"], ignore_index=True)
        found = alt_test(labels, judged, score="accuracy", draws=500, seed=seed)
        covered += covers(found.advantage, 0.7)
    assert covered >= 54


def test_alt_test_p_value_is_the_papers_one_sided_t_test() -> None:
    from scipy.stats import ttest_1samp
    from statsmodels.stats.multitest import multipletests

    labels, judged = _case(CAREFUL, [CAREFUL] * 3, n=60, seed=4)
    found = alt_test(labels, judged, draws=50)
    refuse = labels["refusal_1"] + labels["refusal_2"]
    adjusted = np.select([refuse == 2, refuse == 1], [2.0, 0.0], labels["alignment_score"])
    people_say = labels.assign(a=adjusted).pivot(index="item_id", columns="annotator", values="a")
    said = dict(zip(judged["item_id"], adjusted_scores(verdict_table(judged)), strict=True))
    for contest in found.contests:
        gaps = []
        for item, row in people_say.iterrows():
            rest = row.drop(contest.annotator).to_numpy()
            human = np.sqrt(np.mean((rest - row[contest.annotator]) ** 2))
            judge = np.sqrt(np.mean((rest - said[item]) ** 2))
            gaps.append(float(human <= judge) - float(judge <= human))
        expected = ttest_1samp(gaps, 0.2, alternative="less").pvalue
        assert contest.p_value == pytest.approx(expected)
    p_values = [contest.p_value for contest in found.contests]
    wins = multipletests(p_values, alpha=0.05, method="fdr_by")[0]
    assert [contest.won for contest in found.contests] == list(wins)
    assert found.winning_rate == np.mean(wins)


def _skipped(found: AltTest) -> str:
    assert found.winning_rate is None and found.passes is None and found.contests == ()
    assert found.advantage.value is None
    return found.skipped or ""


def test_one_annotator_skips_the_alt_test_with_a_reason() -> None:
    labels, judged = _case(CAREFUL, [CAREFUL])
    assert "one annotator" in _skipped(alt_test(labels, judged))
    labels, judged = _case(CAREFUL, [CAREFUL, CAREFUL])
    apart = pd.concat([labels[:40], labels[120:]])
    assert "two annotators" in _skipped(alt_test(apart, judged))
    with pytest.raises(CalibrationError, match="epsilon is 2"):
        alt_test(labels, judged, epsilon=2)
    with pytest.raises(CalibrationError, match="score is 'f1'"):
        alt_test(labels, judged, score="f1")
