"""Embeddings over HTTP: in order, kept, retried, and refused by name."""

from __future__ import annotations

import numpy as np
import pytest

from inference import Progress, embeddings
from inference.embeddings import Account, EmbeddingsFailed, embed, embedding_model
from inference.store import open_store
from inference.usage import Price
from tests.model_server import ModelServer, Rule

TEXTS = [f"I would do thing number {i}." for i in range(300)]


def test_vectors_come_in_order_and_are_kept(tmp_path):
    with ModelServer() as server:
        model = embedding_model("any-embedding", server.openai_url)
        first, used = embed([*TEXTS, TEXTS[0]], model, open_store(str(tmp_path)))
        assert len(server.log.entries) == 3 and used.input > 300
        assert first.shape == (301, 64) and np.array_equal(first[0], first[300])
        again, used = embed(TEXTS[::-1], model, open_store(str(tmp_path)))
        assert len(server.log.entries) == 3 and used.input == 0
        assert np.array_equal(again[::-1], first[:300])
        more, _ = embed([TEXTS[5], "I am new."], model, open_store(str(tmp_path)))
        assert len(server.log.entries) == 4 and np.array_equal(more[0], first[5])


def test_a_busy_server_is_asked_again(tmp_path):
    with ModelServer(faults={"429": 0.4}, seed=3) as server:
        model = embedding_model("any-embedding", server.openai_url)
        vectors, _ = embed(TEXTS, model, open_store(str(tmp_path)))
    assert np.isfinite(vectors).all() and len(np.unique(vectors, axis=0)) == 300


def test_a_refusal_is_one_line(tmp_path):
    with ModelServer(faults={"400": 1.0}) as server:
        model = embedding_model("any-embedding", server.openai_url)
        with pytest.raises(EmbeddingsFailed, match="any-embedding gave no embeddings: bad_request"):
            embed(TEXTS[:3], model, open_store(str(tmp_path)))


def test_after_a_refusal_nothing_more_is_sent_and_what_came_is_kept(tmp_path):
    texts = [f"I would do thing number {i}." for i in range(128 * 30)]
    rules = (Rule("400", contains=f'"{texts[0]}"'),)
    with ModelServer(rules=rules, latency=0.05) as server:
        model = embedding_model("any-embedding", server.openai_url)
        with pytest.raises(EmbeddingsFailed):
            embed(texts, model, open_store(str(tmp_path)))
        sent = len(server.log.entries)
        assert sent <= 9
        embed(texts[128:], model, open_store(str(tmp_path)))
        assert len(server.log.entries) == 30


def account(progress, most):
    return Account(progress, Price(1_000_000, 0, 0), most)  # a dollar a token


def test_what_costs_more_than_is_left_is_not_sent(tmp_path):
    with ModelServer() as server:
        model, progress = embedding_model("any-embedding", server.openai_url), Progress()
        with pytest.raises(EmbeddingsFailed, match=r"--max_cost leaves \$100\.00, and 300 embed"):
            embed(TEXTS, model, open_store(str(tmp_path)), account(progress, 100))
        assert not server.log.entries and progress.cost == 0
        embed(TEXTS[:5], model, open_store(str(tmp_path)), account(progress, 100))
        embed(TEXTS[:5], model, open_store(str(tmp_path)), account(progress, 0))
        assert len(server.log.entries) == 1


def test_payments_count_as_they_are_made_and_end_at_the_limit(tmp_path, monkeypatch):
    """Also where texts take more tokens than was thought: what is in flight is all that follows."""
    monkeypatch.setattr(embeddings, "CHARACTERS_PER_TOKEN", 1_000)
    monkeypatch.setattr(embeddings, "REQUESTS_AT_ONCE", 1)
    with ModelServer() as server:
        model, progress = embedding_model("any-embedding", server.openai_url), Progress()
        with pytest.raises(EmbeddingsFailed, match=r"--max_cost leaves"):
            embed(TEXTS, model, open_store(str(tmp_path)), account(progress, 300))
        assert len(server.log.entries) == 1 and (progress.cost or 0) > 300


def test_the_endpoint_of_a_model(monkeypatch):
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    assert embedding_model("text-embedding-3-small").provider == "openai"
    assert embedding_model("x", "http://h:1/v1").base_url == "http://h:1/v1"
