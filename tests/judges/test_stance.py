"""Reading the stance judge: strict about what is measured, total over everything."""

import json
import math
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.schema import Schema
from judges.stance import ParsedStance, StanceVerdict, check_stance, parse_stance, read_stance

GOOD = {
    "person_1_core_position": "Cars should leave the centre.",
    "person_1_has_no_information": False,
    "person_1_refusal": False,
    "person_2_core_position": "Cars should stay.",
    "person_2_has_no_information": False,
    "person_2_refusal": True,
    "key_points_of_alignment": ["Air matters."],
    "key_points_of_opposition": ["Access by car."],
    "alignment_score": -2,
}
FLAGS = [name for name in GOOD if name.endswith(("refusal", "no_information"))]


def answer(**changes):
    return json.dumps({**GOOD, **changes})


def without(name):
    return json.dumps({key: value for key, value in GOOD.items() if key != name})


def verdict_of(parsed: ParsedStance) -> StanceVerdict:
    """Its verdict, which must be there."""
    assert parsed.verdict is not None
    return parsed.verdict


def test_a_plain_answer_is_read_as_it_stands():
    parsed = parse_stance(answer())
    assert verdict_of(parsed).model_dump() == GOOD
    assert (parsed.repaired, parsed.reason) == (False, None)


@pytest.mark.parametrize("score", [-2, -1, 0, 1, 2])
def test_every_whole_score_is_accepted(score):
    parsed = parse_stance(answer(alignment_score=score))
    assert (verdict_of(parsed).alignment_score, parsed.repaired) == (score, False)


@pytest.mark.parametrize(
    ("written", "meant"),
    [(1.0, 1), ("1", 1), ("-2", -2), ("+2", 2), (" 0 ", 0), ("2.0", 2), (-0.0, 0)],
)
def test_scores_that_can_only_mean_one_thing_are_mended_and_counted(written, meant):
    parsed = parse_stance(answer(alignment_score=written))
    assert type(verdict_of(parsed).alignment_score) is int
    assert (verdict_of(parsed).alignment_score, parsed.repaired) == (meant, True)


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        (3, "alignment_score outside -2..2"),
        (-3, "alignment_score outside -2..2"),
        ("3", "alignment_score outside -2..2"),
        (-100, "alignment_score outside -2..2"),
        (10**40, "alignment_score outside -2..2"),
        (1e300, "alignment_score outside -2..2"),
        (True, "alignment_score not an integer"),
        (False, "alignment_score not an integer"),
        (math.nan, "alignment_score not an integer"),
        (math.inf, "alignment_score not an integer"),
        (1.5, "alignment_score not an integer"),
        ("1.5", "alignment_score not an integer"),
        ("one", "alignment_score not an integer"),
        ("", "alignment_score not an integer"),
        ("١", "alignment_score not an integer"),
        ([1], "alignment_score not an integer"),
        (None, "alignment_score missing"),
    ],
)
def test_other_scores_are_rejected_with_a_reason(written, reason):
    assert parse_stance(answer(alignment_score=written)) == (None, False, reason)


@pytest.mark.parametrize("flag", FLAGS)
@pytest.mark.parametrize("written", ["true", "false", 1, 0, 1.0, [], {}])
def test_flags_must_be_booleans(flag, written):
    assert parse_stance(answer(**{flag: written})).reason == f"{flag} not a boolean"


@pytest.mark.parametrize("name", [*FLAGS, "alignment_score"])
def test_what_is_measured_must_be_there(name):
    assert parse_stance(without(name)).reason == f"{name} missing"


@pytest.mark.parametrize(
    "name", [key for key in GOOD if key.startswith("key_") or key.endswith("core_position")]
)
def test_missing_prose_costs_no_verdict_but_is_counted(name):
    parsed = parse_stance(without(name))
    assert verdict_of(parsed).alignment_score == -2
    assert not getattr(parsed.verdict, name)
    assert parsed.repaired


@pytest.mark.parametrize(
    ("written", "read", "repaired"),
    [
        ("one point", ["one point"], False),
        ("", [], False),
        ([], [], False),
        (["a", "b"], ["a", "b"], False),
        (["a", 1], ["a"], True),
        (5, [], True),
        (None, [], True),
    ],
)
def test_key_points_come_as_a_list_or_as_one_text(written, read, repaired):
    parsed = parse_stance(answer(key_points_of_alignment=written))
    assert (verdict_of(parsed).key_points_of_alignment, parsed.repaired) == (read, repaired)


def test_extra_keys_are_ignored():
    assert parse_stance(answer(confidence=0.3, notes={"a": [math.nan]})) == parse_stance(answer())


@pytest.mark.parametrize(
    "wrap",
    [
        "```json\n{}\n```",
        "```\n{}\n```",
        "```JSON {}```",
        "Here is my verdict:\n\n```json\n{}\n```\nThank you.",
        "\ufeff\n {} \n",
        "```json\r\n{}\r\n```",
    ],
)
def test_one_code_fence_is_looked_through(wrap):
    assert parse_stance(wrap.replace("{}", answer())) == parse_stance(answer())


def test_a_fence_inside_a_fenced_answer_is_text():
    inner = answer(person_1_core_position="They wrote ```x``` in code.")
    assert parse_stance(f"```json\n{inner}\n```").verdict is not None


def test_two_code_blocks_are_a_guess_and_rejected():
    block = f"```json\n{answer()}\n```"
    assert parse_stance(f"First {block} or {block}").reason == "more than one code block"


def test_a_measured_field_given_twice_is_rejected():
    twice = '{"alignment_score": 2, ' + answer()[1:]
    assert parse_stance(twice).reason == "alignment_score given twice"
    assert parse_stance('{"note": 1, "note": 2, ' + answer()[1:]).verdict is not None
    nested = answer()[:-1] + ', "note": {"alignment_score": 1, "alignment_score": 2}}'
    assert parse_stance(nested).verdict is not None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty answer"),
        ("  \n", "empty answer"),
        (None, "empty answer"),
        ("The score is 2.", "not JSON"),
        (answer()[:-20], "not JSON"),
        ("[1]", "JSON, but not an object"),
        ("2", "JSON, but not an object"),
        ("null", "JSON, but not an object"),
        ("NaN", "JSON, but not an object"),
        ("[" * 200_000, "JSON nested too deeply"),
        ('{"a":' * 200_000, "JSON nested too deeply"),
        ("9" * 10_000, "not JSON"),
        (answer() + answer(), "not JSON"),
    ],
)
def test_what_is_no_json_object_has_its_reason(text, reason):
    assert parse_stance(text) == (None, False, reason)


def test_lone_surrogates_can_be_written_to_a_file():
    parsed = parse_stance(
        answer(person_1_core_position="a \ud800 b", key_points_of_alignment="\udfff")
    )
    assert parsed.repaired
    verdict_of(parsed).model_dump_json().encode("utf-8")


@pytest.mark.parametrize(
    "text",
    ["```" + " " * 100_000, "```" * 50_000, "{" + '"a":1,' * 50_000 + '"a":1}', "`" * 100_000],
)
def test_hostile_answers_take_no_time(text):
    start = time.perf_counter()
    assert parse_stance(text).verdict is None
    assert time.perf_counter() - start < 2


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)


@given(st.text())
def test_never_raises_on_text(text):
    assert (parse_stance(text).verdict is None) == (parse_stance(text).reason is not None)


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(GOOD, JSON)), st.booleans())
def test_total_and_exact_over_objects(loaded, fenced):
    text = json.dumps(loaded)
    parsed = parse_stance(f"```json\n{text}\n```" if fenced else text)
    flags_fine = all(type(loaded.get(flag)) is bool for flag in FLAGS)
    if parsed.verdict is None:
        assert parsed.reason
    else:
        assert flags_fine
        assert parsed.verdict.alignment_score in (-2, -1, 0, 1, 2)
        assert type(parsed.verdict.alignment_score) is int
        json.loads(parsed.verdict.model_dump_json().encode("utf-8"))
    if (
        flags_fine
        and type(loaded.get("alignment_score")) is int
        and abs(loaded["alignment_score"]) < 3
    ):
        assert parsed.verdict is not None


def test_verdicts_of_a_stored_dataset_are_read_by_the_same_rules():
    assert read_stance(GOOD) == parse_stance(answer())
    assert read_stance({**GOOD, "alignment_score": 2.0}).repaired
    assert read_stance(None).reason == "no verdict"
    assert read_stance({}).reason == "person_1_has_no_information missing"
    assert read_stance(dict.fromkeys(GOOD)).reason == "person_1_has_no_information missing"


def test_schema_fits_strict_structured_output():
    schema = StanceVerdict.model_json_schema()
    assert schema["required"] == list(schema["properties"]) == list(GOOD)
    assert schema["additionalProperties"] is False
    assert schema["properties"]["alignment_score"] == {"enum": [-2, -1, 0, 1, 2], "type": "integer"}
    allowed = {"type", "properties", "required", "additionalProperties", "items", "enum"}

    def keywords(node):
        yield from node
        for child in [
            *node.get("properties", {}).values(),
            *([node["items"]] if "items" in node else []),
        ]:
            yield from keywords(child)

    assert set(keywords(schema)) <= allowed


def test_check_serves_the_request_layer():
    schema = Schema.of(StanceVerdict, check=check_stance)
    assert schema.check(answer(alignment_score="1")) is None
    assert schema.check(answer(alignment_score=3)) == "alignment_score outside -2..2"
    assert schema.json_schema == StanceVerdict.model_json_schema()
