"""Engines on the same devices take turns, however the one before has ended."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from inference.local.turn import Turn
from tests.inference.local.holder import held


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lock files of its own."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


def test_waits_until_the_holder_is_gone_even_by_kill_9(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with held(tmp_path) as holder:
        looks = iter(range(5))

        def look() -> bool:
            if next(looks) == 3:
                holder.send_signal(signal.SIGKILL)
                holder.wait()
            return False

        turn = Turn("{}")
        assert turn.take(given_up=look)
    assert next(looks) >= 4 and capsys.readouterr().out.count("Waiting") == 1
    turn.give_back()
    turn.give_back()
    assert Turn("{}").take(given_up=lambda: True)


def test_who_gives_up_does_not_get_it(tmp_path: Path) -> None:
    with held(tmp_path):
        assert not Turn("{}").take(given_up=lambda: True)


@pytest.mark.parametrize(
    ("options", "waits"),
    [
        ('{"gpu_memory_utilization": 0.4}', False),
        ('{"gpu_memory_utilization": 0.6}', True),
        ('{"kv_cache_memory_bytes": 1000000}', False),
        ('{"max_model_len": 512}', True),
    ],
)
def test_engines_that_know_their_share_stand_side_by_side(options: str, waits: bool) -> None:
    first = Turn("{}")
    assert first.take(given_up=lambda: True)
    assert Turn(options).take(given_up=lambda: True) is not waits


@pytest.mark.parametrize(
    ("ours", "theirs", "waits"),
    [
        ("0", "1", False),
        ("0,1", "2,3", False),
        ("0,1", "1,0", True),
        ("0", "1, 0", True),
        ("0", "", True),
        ("", "3", True),
        ("GPU-1/2", "GPU-1/3", False),
    ],
)
def test_a_device_is_held_once(
    ours: str, theirs: str, waits: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", ours)
    first = Turn("{}")
    assert first.take(given_up=lambda: True)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", theirs)
    assert Turn("{}").take(given_up=lambda: True) is not waits
    first.give_back()
    assert Turn("{}").take(given_up=lambda: True)
