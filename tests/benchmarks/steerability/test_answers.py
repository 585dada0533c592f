"""The parser is total and strict: a boolean or the reason why there is none."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.steerability.answers import answer_schema, local_ids, parse_answers


def many(**answers):
    return json.dumps({"answers": [{"id": k, "agree": v} for k, v in answers.items()]})


def test_both_forms_and_a_fence():
    assert parse_answers('{"agree": true}', ["S1"]).answers == {"S1": True}
    assert parse_answers(many(S1=True, S2=False), ["S1", "S2"]).answers == {"S1": True, "S2": False}
    assert parse_answers('{"S1": false, "S2": true}', ["S1", "S2"]).answers["S2"] is True
    fenced = "```json\n" + many(S1=False) + "\n```"
    assert parse_answers(fenced, ["S1"]).answers == {"S1": False}


@pytest.mark.parametrize(("word", "value"), [("false", False), ("False", False), (" TRUE ", True)])
def test_spelled_booleans_are_what_they_spell(word, value):
    assert parse_answers(json.dumps({"agree": word}), ["S1"]).answers == {"S1": value}
    assert parse_answers(many(S1=word, S2=True), ["S1", "S2"]).answers["S1"] is value


@pytest.mark.parametrize("value", [1, 0, "yes", "no", "", None, 1.0, [True], {"a": True}, "Y"])
def test_nothing_else_is_a_boolean(value):
    assert parse_answers(json.dumps({"agree": value}), ["S1"]).rejected == {"S1": "not_boolean"}
    parsed = parse_answers(many(S1=value, S2=True), ["S1", "S2"])
    assert parsed.rejected == {"S1": "not_boolean"} and parsed.answers == {"S2": True}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("I agree.", "not_json"),
        ("", "not_json"),
        ('{"agree": tru', "not_json"),
        ("[" * 100_000, "not_json"),
        ("true", "wrong_shape"),
        ('{"agree": true, "agree": false}', "repeated"),
        ('[{"id": "S1"}]', "wrong_shape"),
        ('{"answer": true}', "no_answer"),
    ],
)
def test_reasons_of_a_single_answer(text, reason):
    parsed = parse_answers(text, ["S1"])
    assert parsed.answers == {} and parsed.rejected == {"S1": reason}


def test_missing_repeated_and_unknown_statements():
    text = json.dumps(
        {
            "answers": [
                {"id": "S1", "agree": True},
                {"id": "S3", "agree": True},
                {"id": "S3", "agree": True},
                {"id": "S9", "agree": False},
            ]
        }
    )
    parsed = parse_answers(text, ["S1", "S2", "S3"])
    assert parsed.answers == {"S1": True}
    assert parsed.rejected == {"S2": "no_answer", "S3": "repeated"}
    assert parsed.unknown_ids == ("S9",)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["answers", "agree", "id", "S1", "S2"]), inner, max_size=3
        )
    ),
    max_leaves=8,
)


@given(st.text(max_size=40) | VALUES.map(json.dumps), st.integers(1, 3))
def test_every_statement_ends_somewhere(text, n):
    parsed = parse_answers(text, local_ids(n))
    assert set(parsed.answers) | set(parsed.rejected) == set(local_ids(n))
    assert not set(parsed.answers) & set(parsed.rejected)
    assert all(isinstance(v, bool) for v in parsed.answers.values())


def test_schema_tells_and_checks():
    one, two = answer_schema(1), answer_schema(2)
    assert one.json_schema["properties"]["agree"]["type"] == "boolean"
    assert two.json_schema["properties"]["answers"]["type"] == "array"
    assert one.check('{"agree": false}') is None
    assert two.check(many(S1=True, S2=False)) is None
    assert "S2" in str(two.check(many(S1=True)))
    assert one.check("no") == "S1: the answer is not JSON (1 of 1 statements have no answer)"
