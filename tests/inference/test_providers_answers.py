"""What every provider does alike through its real SDK: answers, structures, thinking, usage."""

from __future__ import annotations

import pytest

from inference import Citation, Sampling
from inference.rules import effective
from inference.schema import Schema
from tests.inference.asking import LANES, VERDICT, Verdict, lane, question, send
from tests.model_server import ModelServer, default_text
from tests.model_server.wire import tokens

OPEN = '{"type": "object", "properties": {"n": {"type": "integer"}}, "additionalProperties": true}'


@pytest.mark.parametrize("name", LANES)
def test_a_plain_answer(name: str, server: ModelServer, monkeypatch: pytest.MonkeyPatch) -> None:
    model = lane(name, server.url, monkeypatch)
    request = question(model, "Tides, 潮汐, \U0001f30a?")
    reply = send(request)
    heard = [{"role": m.role, "content": m.content} for m in request.messages]
    assert reply.text == default_text(model.name, heard)
    assert reply.finish == "stop" and reply.finish_reason in (
        "stop",
        "completed",
        "end_turn",
    )
    assert reply.reasoning is None and reply.citations == ()
    assert reply.usage.input == sum(tokens(m["content"]) for m in heard)
    assert reply.usage.output == tokens(reply.text)
    assert reply.usage.cached == reply.usage.reasoning == 0


@pytest.mark.parametrize("name", LANES)
def test_sampling_is_sent(name: str, server: ModelServer, monkeypatch: pytest.MonkeyPatch) -> None:
    model = lane(name, server.url, monkeypatch)
    asked = Sampling(temperature=0.25, top_p=0.5, max_tokens=321)
    send(question(model, sampling=effective(model, asked)))
    body = server.log.bodies()[-1]
    flat = {**body, **body.get("inferenceConfig", {})}
    limits = ("max_tokens", "max_output_tokens", "maxTokens")
    assert next(flat[n] for n in limits if n in flat) == 321
    assert flat["temperature"] == 0.25
    top_p = flat.get("top_p", flat.get("topP"))
    assert top_p == (None if name in ("anthropic", "bedrock") else 0.5)


@pytest.mark.parametrize("name", LANES)
def test_unset_parameters_are_not_sent(
    name: str, server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(question(lane(name, server.url, monkeypatch)))
    text = str(server.log.bodies()[-1])
    assert "None" not in text and "temperature" not in text and "top" not in text


@pytest.mark.parametrize("name", LANES)
@pytest.mark.parametrize("thinking", [False, True])
def test_a_structure_is_given(
    name: str, thinking: bool, server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = lane(name, server.url, monkeypatch)
    sampling = effective(model, Sampling(temperature=0.1, top_p=0.9, thinking=thinking))
    request = question(model, schema=VERDICT, sampling=sampling)
    if thinking and name.endswith("-old"):
        # A thinking model may only be offered the tool; this server then answers in words.
        assert send(request).text.startswith("Answer")
        return
    reply = send(request)
    assert VERDICT.check(reply.text) is None
    assert Verdict.model_validate_json(reply.text).score in (-2, -1, 0, 1, 2)


@pytest.mark.parametrize("name", LANES)
def test_a_users_open_schema_is_not_sent_where_it_would_be_refused(
    name: str, server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    schema = Schema.from_json(OPEN)
    reply = send(question(lane(name, server.url, monkeypatch), schema=schema))
    assert schema.check(reply.text) is None


@pytest.mark.parametrize("name", LANES)
def test_thinking_is_asked_for_and_kept_apart(
    name: str, server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = lane(name, server.url, monkeypatch)
    asked = Sampling(temperature=0.1, top_p=0.9, max_tokens=100, thinking=True)
    request = question(model, sampling=effective(model, asked))
    reply = send(request)
    assert reply.text.startswith("Answer") and "Weighing" not in reply.text
    if name == "gemini":
        assert reply.reasoning is None, "Gemini's compatible endpoint counts thoughts, shows none"
    else:
        assert (reply.reasoning or "").startswith("Weighing the question")
    if not name.startswith("bedrock"):
        assert reply.usage.reasoning > 0
    assert reply.usage.output >= tokens(reply.text) + reply.usage.reasoning
    text = str(server.log.bodies()[-1])
    assert "4196" in text, "the budget comes on top of the visible answer's limit"


@pytest.mark.parametrize("name", ["openai", "anthropic", "openrouter"])
def test_web_search_cites_its_pages(
    name: str, server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = lane(name, server.url, monkeypatch)
    reply = send(question(model, sampling=Sampling(web_search=True)))
    assert reply.text.startswith("Answer ")
    assert [c.title[:11] for c in reply.citations] == ["First page ", "Second page"]
    assert all(c.url.startswith("https://example.org/") for c in reply.citations)
    assert all(isinstance(c, Citation) for c in reply.citations)
    if name == "anthropic":
        assert reply.citations[0].text == "What the first says."
    if name == "openai":
        assert all(c.text and c.text in reply.text for c in reply.citations)
