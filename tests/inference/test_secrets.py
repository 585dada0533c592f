"""Keys are read without the space around them, and stand in no text."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from inference import Failure, Message, ModelRef, Request, Usage
from inference.providers.base import Reply
from inference.result import Citation
from inference.secrets import NO_WORD, load_env, scrub
from inference.verdict import judge
from reporting.files import write_json
from tests.inference.asking import PLANTED, VERDICT

REQUEST = Request(ModelRef("m", "endpoint", "m", "http://x/v1"), (Message("user", "Why?"),))


def test_a_key_is_scrubbed_with_and_without_the_space_around_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", " planted-key\n")
    assert scrub("Bearer planted-key!") == "Bearer [OPENAI_API_KEY]!"
    assert scrub("it was: planted-key\n") == "it was:[OPENAI_API_KEY]"


def test_only_keys_that_are_no_words_are_scrubbed_where_answers_stand(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("INFERENCE_API_KEY", "x" * (NO_WORD - 1))
    monkeypatch.setenv("OPENAI_API_KEY", "y" * NO_WORD)
    text = f"{'x' * (NO_WORD - 1)} {'y' * NO_WORD}"
    assert scrub(text, NO_WORD) == f"{'x' * (NO_WORD - 1)} [OPENAI_API_KEY]"
    assert scrub(text) == "[INFERENCE_API_KEY] [OPENAI_API_KEY]"


@pytest.mark.parametrize("word", ["secret", "ollama", "sk-no-key"])
def test_an_answer_keeps_a_word_that_is_a_local_servers_key(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, word: str
) -> None:
    monkeypatch.setenv("INFERENCE_API_KEY", word)
    monkeypatch.setenv("OPENAI_API_KEY", PLANTED)
    said, kept = (f"Keep the {word}, {key}." for key in (PLANTED, "[OPENAI_API_KEY]"))
    page = Citation(said, said, said)
    reply = Reply(said, "stop", "stop", Usage(), reasoning=said, citations=(page,))
    result = judge(REQUEST, reply, Usage())
    assert result.content == result.reasoning == kept
    assert result.citations == (Citation(kept, kept, kept),)
    write_json(tmp_path / "answer.json", said)
    assert (tmp_path / "answer.json").read_text() == f'"{kept}"\n'


def test_a_short_key_is_scrubbed_where_an_error_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INFERENCE_API_KEY", "secret")
    reply = Reply("Bearer secret", "refusal", "stop", Usage())
    result = judge(replace(REQUEST, schema=VERDICT), reply, Usage())
    assert result.failure is Failure.FILTERED and "secret" not in result.detail


def test_a_key_is_read_without_the_space_around_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GOOGLE_API_KEY", "\tplanted-key\r\n")
    load_env()
    assert os.environ["GOOGLE_API_KEY"] == "planted-key"
