"""A server that lets 50 requests a second through: nothing is lost, few are refused.

How little time is lost is measured by `perf.inference`.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from inference import AskOptions
from inference.providers import sdk_http
from tests.inference.asking import ask_all, endpoint, question
from tests.model_server import ServerProcess

OPTIONS = AskOptions(batch_size=128, timeout=30)


def refused(count: int, root: Path, exact: bool) -> int:
    """How often the server says no to `count` requests at 3,000 a minute with a burst of 50."""
    with ServerProcess(latency=0.2, rpm=3000, burst=50, retry_after_ms=exact) as server:
        requests = [question(endpoint(server), f"question {n}") for n in range(count)]
        results = ask_all(requests, root, OPTIONS)
        assert all(r.ok for r in results), "none is lost"
        assert len(server.log.answered()) == count == server.log.outcomes()["ok"]
        return server.log.outcomes()["limited"]


@pytest.mark.parametrize(
    ("said", "count"),
    [
        ("exact", 200),
        *(
            pytest.param(said, 1000, marks=pytest.mark.slow)
            for said in ("exact", "whole seconds", "nothing")
        ),
    ],
)
def test_a_limit_is_felt_out_and_not_hammered(
    said: str, count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if said == "nothing":
        monkeypatch.setattr(sdk_http, "parse_retry_after", lambda headers: None)
    assert refused(count, tmp_path, said == "exact") < 3 * count


def test_a_server_that_takes_few_at_once_is_not_flooded(tmp_path: Path) -> None:
    with ServerProcess(latency=0.05, max_concurrent=8, retry_after=0.1) as server:
        requests = [question(endpoint(server), f"question {n}") for n in range(300)]
        results = ask_all(requests, tmp_path, OPTIONS)
        assert all(r.ok for r in results)
        assert len(server.log.answered()) == 300
        asked = [e.outcome for e in server.log.entries]
    assert asked[-150:].count("limited") < 75, "it settles"
