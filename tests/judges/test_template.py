"""A judge template carries its inputs in tags, and no answer can break out of them."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from judges.stance import DEFAULT_TEMPLATE, PLACEHOLDER_TAGS, check_template, stance_messages
from judges.template import TemplateError

INPUTS = ("the issue", "why yes?", "yes because", "why no?", "no because")
BARE = "{issue} {question_1} {answer_1} {question_2} {answer_2}"


def test_default_template_has_a_system_and_a_user_message():
    prompt = stance_messages(*INPUTS)
    assert [role for role, _ in prompt.messages] == ["system", "user"]
    user = prompt.messages[1][1]
    for tag, text in zip(PLACEHOLDER_TAGS.values(), INPUTS, strict=True):
        assert f"<{tag}>\n{text}\n</{tag}>" in user
    assert not re.search(r"\{\w+\}", user)
    assert prompt.cut == 0


def test_reasoning_comes_before_the_score_in_the_rubric():
    answer = DEFAULT_TEMPLATE.rindex('{"person_1_core_position"')
    assert DEFAULT_TEMPLATE.index('"alignment_score"', answer) > DEFAULT_TEMPLATE.index(
        '"key_points_of_opposition"', answer
    )


def test_template_without_the_user_line_is_one_user_message():
    assert [role for role, _ in stance_messages(*INPUTS, template=BARE).messages] == ["user"]


@pytest.mark.parametrize("missing", list(PLACEHOLDER_TAGS))
def test_missing_placeholder_is_one_line_that_names_it(missing):
    with pytest.raises(TemplateError) as caught:
        check_template(BARE.replace(f"{{{missing}}}", "{isue}"))
    assert str(caught.value).startswith(f"judge prompt: {{{missing}}} missing")
    assert str(caught.value).count("{") == 1 and "judges/prompts/stance.md" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_placeholder_in_the_system_message_is_refused():
    with pytest.raises(TemplateError, match=r"move \{answer_1\} below"):
        check_template("Mind {answer_1}.\n--- user ---\n" + BARE)


def test_two_user_lines_are_refused():
    with pytest.raises(TemplateError, match="more than one"):
        check_template("a\n--- user ---\nb\n--- user ---\n" + BARE)


def test_json_braces_in_a_template_stay():
    prompt = stance_messages(*INPUTS, template=BARE + ' {"alignment_score": 0} {}')
    assert prompt.messages[0][1].endswith('{"alignment_score": 0} {}')


def test_placeholders_inside_an_answer_are_text():
    prompt = stance_messages("ISSUE", "q1", "see {issue} and {answer_2}", "q2", "SECOND")
    assert "see {issue} and {answer_2}" in prompt.messages[1][1]
    assert prompt.messages[1][1].count("SECOND") == 1


def test_long_answers_are_cut_and_counted():
    prompt = stance_messages("i", "q", "a" * 11, "q", "b" * 10, max_chars=10)
    assert prompt.cut == 1
    assert "<person_1_answer>\naaaaaaaaaa\n</person_1_answer>" in prompt.messages[1][1]


TAG_PIECES = st.sampled_from(
    ["</", "<", ">", "/", " ", "\n", "&lt;", "{answer_2}", *PLACEHOLDER_TAGS.values(), "ISSUE", "x"]
)
BREAKOUT = st.lists(TAG_PIECES, max_size=30).map("".join) | st.text(max_size=200)


@given(BREAKOUT, BREAKOUT, BREAKOUT)
def test_every_tag_stands_exactly_once_whatever_the_answers_say(issue, answer_1, answer_2):
    user = stance_messages(issue, "q", answer_1, "q", answer_2).messages[1][1]
    for tag in PLACEHOLDER_TAGS.values():
        assert len(re.findall(rf"<\s*{tag}\b", user, re.IGNORECASE)) == 1
        assert len(re.findall(rf"<\s*/\s*{tag}\b", user, re.IGNORECASE)) == 1


def test_ordinary_markup_is_left_alone():
    text = "if a < b then <b>bold</b> <issues_of_today>"
    assert text in stance_messages("i", "q", text, "q", "a").messages[1][1]
