"""Transposed pairs and the published tie rule."""

from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.eigenbench.orders import inconsistent_as_ties, pair_orders
from benchmarks.eigenbench.simulate import draw_truth, simulate_rows

COLUMNS = ["criterion", "scenario_index", "judge", "first", "second", "outcome"]


def rows_of(*rows):
    table = pd.DataFrame(list(rows), columns=COLUMNS)
    return table.assign(record=np.arange(len(table)))


def ties_after(*outcomes):
    """Outcomes of alternating orders (a, b), (b, a), ... after the tie rule."""
    rows = [(0, 0, 0, i % 2, 1 - i % 2, outcome) for i, outcome in enumerate(outcomes)]
    return inconsistent_as_ties(rows_of(*rows))["outcome"].tolist()


def test_the_same_position_twice_becomes_two_ties_and_all_else_stays():
    assert ties_after(1, 1) == [0, 0]
    assert ties_after(2, 2) == [0, 0]
    for pair in ([1, 2], [2, 1], [0, 1], [1, 0], [0, 0], [2, 0]):
        assert ties_after(*pair) == pair


def test_a_single_order_stays():
    assert ties_after(1) == [1]


def test_repeated_samples_pair_as_they_come_and_none_is_dropped():
    assert ties_after(1, 1, 1, 2, 2) == [0, 0, 1, 2, 2]


def test_pairs_never_cross_criterion_scenario_or_judge():
    base = (0, 0, 0, 0, 1, 1)
    for position in range(3):
        other = list(base)
        other[position], other[3], other[4] = 1, 1, 0
        assert len(pair_orders(rows_of(base, tuple(other))).forward) == 0
    assert len(pair_orders(rows_of(base, (0, 0, 0, 1, 0, 1))).forward) == 1


def slow_tie_rule(rows):
    """The rule spelled out row by row."""
    outcome = rows["outcome"].tolist()
    used = set()
    keys = rows[COLUMNS[:5]].values.tolist()
    for a, (c, s, j, first, second) in enumerate(keys):
        if a in used:
            continue
        for b in range(len(keys)):
            if b not in used and b != a and keys[b] == [c, s, j, second, first]:
                used |= {a, b}
                if outcome[a] == outcome[b] != 0:
                    outcome[a] = outcome[b] = 0
                break
    return outcome


ROW = st.tuples(
    st.integers(0, 1),
    st.integers(0, 1),
    st.integers(0, 1),
    st.integers(0, 2),
    st.integers(0, 2),
    st.integers(0, 2),
).filter(lambda row: row[3] != row[4])


@settings(max_examples=50, deadline=None)
@given(st.lists(ROW, min_size=1, max_size=25))
def test_the_vectorised_rule_is_the_rule_spelled_out(rows):
    table = rows_of(*rows)
    assert inconsistent_as_ties(table)["outcome"].tolist() == slow_tie_rule(table)


def test_every_order_of_a_full_plan_is_paired():
    rows = simulate_rows(draw_truth(5, seed=2), 20, seed=2)
    forward, reverse = pair_orders(rows)
    assert len(forward) * 2 == len(rows)
    assert sorted([*forward, *reverse]) == list(range(len(rows)))
