"""Keys are read without the space around them, and stand in no text."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from inference.secrets import load_env, scrub


def test_a_key_is_scrubbed_with_and_without_the_space_around_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", " planted-key\n")
    assert scrub("Bearer planted-key!") == "Bearer [OPENAI_API_KEY]!"
    assert scrub("it was: planted-key\n") == "it was:[OPENAI_API_KEY]"


def test_a_key_is_read_without_the_space_around_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GOOGLE_API_KEY", "\tplanted-key\r\n")
    load_env()
    assert os.environ["GOOGLE_API_KEY"] == "planted-key"
