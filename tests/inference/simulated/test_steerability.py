"""Steered simulated models follow, ignore or flatter as planted."""

import csv
import json
from collections import defaultdict
from pathlib import Path

import pytest

from inference.simulated.steerability import own_opinion
from inference.simulated.traits import agreement, features, persona_features
from tests.inference.simulated.helpers import ask

DATA = Path(__file__).parents[3] / "data" / "personas" / "statements.csv"
STEERING = (
    "<agrees>I love loud parties and big crowds.</agrees>\n"
    "<agrees>Applause and the spotlight give me a thrill.</agrees>\n"
    "<disagrees>I need solitude and silence.</disagrees>"
)
FOR = "A crowd at a festival is where I belong."
AGAINST = "I would rather be alone in a quiet room."


def answers(name, statements, steering=STEERING, sample=0):
    """The answers of a steered model to a list of statements, by place."""
    block = "\n".join(
        f'<statement id="s{place}">{text}</statement>' for place, text in enumerate(statements)
    )
    found = json.loads(
        ask(name, f"Answer as this person.\n{block}", system=steering, sample=sample)
    )
    assert [row["id"] for row in found["answers"]] == [f"s{i}" for i in range(len(statements))]
    assert all(set(row) == {"id", "agree"} for row in found["answers"])
    return [row["agree"] for row in found["answers"]]


def test_a_follower_goes_by_the_examples():
    assert answers("sim/follower", [FOR, AGAINST]) == [True, False]
    mirrored = STEERING.replace("agrees>", "x>").replace("disx>", "agrees>")
    mirrored = mirrored.replace("<x>", "<disagrees>").replace("</x>", "</disagrees>")
    assert answers("sim/follower", [FOR, AGAINST], mirrored) == [False, True]


def test_a_follower_understands_negation_and_descriptions():
    assert answers("sim/follower", ["I avoid the spotlight and the crowd."]) == [False]
    assert answers("sim/follower", ["I never want silence or solitude."]) == [True]
    for persona, expected in (("ESFP", True), ("INTJ", False), ("O:1, C:1, E:1, A:1, N:1", True)):
        steering = f"<persona>{persona}</persona>"
        assert answers("sim/follower", [FOR], steering) == [expected]


def test_plain_words_count_where_the_thesaurus_has_none():
    steering = "<agrees>Chess and mushrooms fill my weekends.</agrees>"
    found = answers(
        "sim/follower", ["I dream of chess with mushrooms.", "Trams are red."], steering
    )
    assert found == [True, False]


def test_one_statement_without_an_id_gets_one_answer():
    text = f"<statement>{FOR}</statement>"
    assert json.loads(ask("sim/follower", text, system=STEERING)) == {"agree": True}
    assert json.loads(ask("sim/follower", f"{STEERING}\n{text}")) == {"agree": True}


def test_the_yes_sayer_and_the_stubborn_ignore_their_steering():
    statements = [f"I have been to town number {i}." for i in range(200)]
    assert all(answers("sim/yes", statements))
    fixed = answers("sim/stubborn", statements)
    assert fixed == answers("sim/stubborn", statements, "<persona>INTJ</persona>", sample=3)
    assert fixed == [own_opinion(statement) for statement in statements]
    assert 60 < sum(fixed) < 140


def test_without_steering_a_follower_answers_for_itself():
    statements = [FOR, AGAINST, *(f"I own {i} books." for i in range(30))]
    assert answers("sim/follower", statements, "Answer.") == [own_opinion(s) for s in statements]


def test_a_partial_follower_follows_in_the_planted_share():
    own = own_opinion(FOR)
    steering = STEERING if not own else STEERING.replace("agrees>", "x>")
    steering = steering.replace("disx>", "agrees>").replace("<x>", "<disagrees>")
    steering = steering.replace("</x>", "</disagrees>")
    found = [answers("sim/follower-0.3", [FOR], steering, sample=s)[0] for s in range(3000)]
    followed = sum(answer != own for answer in found) / len(found)
    assert followed == pytest.approx(0.3, abs=0.03)


def test_features_are_signed():
    assert agreement(features("I like quiet rooms"), features("quiet rooms matter")) > 0
    assert agreement(features("I do not like quiet rooms"), features("quiet rooms matter")) < 0
    assert persona_features("INTJ")["#company"] < 0 < persona_features("ENTJ")["#company"]


def accuracy_matrix(name, examples):
    """Share of right answers of each steered persona (row) on each one's held-out statements."""
    rows: defaultdict[str, dict[str, list[str]]] = defaultdict(lambda: {"True": [], "False": []})
    with DATA.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            rows[row["persona_id"]][row["is_agree"]].append(row["statement"])
    matrix = []
    for steered in rows.values():
        steering = "".join(f"<agrees>{t}</agrees>" for t in steered["True"][:examples])
        steering += "".join(f"<disagrees>{t}</disagrees>" for t in steered["False"][:examples])
        scores = []
        for tested in rows.values():
            held_out = [(t, True) for t in tested["True"][examples:]]
            held_out += [(t, False) for t in tested["False"][examples:]]
            found = answers(name, [text for text, _ in held_out], steering)
            right = [answer == label for answer, (_, label) in zip(found, held_out, strict=True)]
            scores.append(sum(right) / len(right))
        matrix.append(scores)
    return matrix


def mid_rank_sensitivity(matrix):
    """Mean over personas of the mid-rank percentile of the own score in its row."""
    shares = []
    for place, row in enumerate(matrix):
        others = row[:place] + row[place + 1 :]
        below = sum(score < row[place] for score in others)
        equal = sum(score == row[place] for score in others)
        shares.append((below + equal / 2) / len(others))
    return sum(shares) / len(shares)


def test_planted_sensitivities_on_the_built_in_personas():
    assert mid_rank_sensitivity(accuracy_matrix("sim/follower", 2)) > 0.95
    assert mid_rank_sensitivity(accuracy_matrix("sim/stubborn", 2)) == pytest.approx(0.5, abs=0.2)
    assert mid_rank_sensitivity(accuracy_matrix("sim/yes", 2)) == pytest.approx(0.5, abs=1e-9)
