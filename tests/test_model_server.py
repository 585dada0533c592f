"""The model server's answers, read by the real SDKs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any, Literal

import jsonschema
import openai
import pydantic
import pytest
from anthropic import AsyncAnthropic
from anthropic import BadRequestError as AnthropicBadRequest
from openai import AsyncOpenAI

from tests.model_server import ModelServer, default_text

ASK: list[Any] = [{"role": "user", "content": "Why do tides rise?"}]
HEARD = [{"role": "user", "content": "Why do tides rise?"}]


class Verdict(pydantic.BaseModel):
    """A judge's answer."""

    model_config = pydantic.ConfigDict(extra="forbid")
    reasoning: str
    refused: bool
    score: Literal[-2, -1, 0, 1, 2]


SCHEMA = Verdict.model_json_schema()


@pytest.fixture(scope="module")
def server() -> Iterator[ModelServer]:
    with ModelServer() as running:
        yield running


def openai_client(server: ModelServer) -> AsyncOpenAI:
    return AsyncOpenAI(base_url=server.openai_url, api_key="sk-any", max_retries=0, timeout=5)


def anthropic_client(server: ModelServer) -> AsyncAnthropic:
    return AsyncAnthropic(base_url=server.url, api_key="sk-any", max_retries=0, timeout=5)


def bedrock_client(server: ModelServer, monkeypatch: pytest.MonkeyPatch, timeout: float = 5) -> Any:
    import boto3
    from botocore.config import Config

    monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", server.url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAANY")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "any")
    quick = Config(retries={"total_max_attempts": 1}, read_timeout=timeout)
    return boto3.client("bedrock-runtime", region_name="us-east-1", config=quick)


def chat(server: ModelServer, **more: Any) -> Any:
    async def call() -> Any:
        async with openai_client(server) as client:
            return await client.chat.completions.create(**{"model": "m", "messages": ASK} | more)

    return asyncio.run(call())


def respond(server: ModelServer, **more: Any) -> Any:
    async def call() -> Any:
        async with openai_client(server) as client:
            return await client.responses.create(**{"model": "m", "input": ASK} | more)

    return asyncio.run(call())


def message(server: ModelServer, **more: Any) -> Any:
    async def call() -> Any:
        async with anthropic_client(server) as client:
            fields: dict[str, Any] = {"model": "claude-x", "max_tokens": 100, "messages": ASK}
            return await client.messages.create(**fields | more)

    return asyncio.run(call())


# --- Chat Completions


def test_chat_answers_a_text_that_depends_on_model_and_messages_alone(server: ModelServer) -> None:
    first = chat(server, temperature=0.1)
    again = chat(server, temperature=0.9)
    assert first.choices[0].message.content == default_text("m", HEARD)
    assert again.choices[0].message.content == first.choices[0].message.content
    assert chat(server, model="n").choices[0].message.content != first.choices[0].message.content
    assert first.choices[0].finish_reason == "stop"
    assert first.id != again.id
    assert first.usage.total_tokens == first.usage.prompt_tokens + first.usage.completion_tokens


def test_chat_follows_a_schema_in_content_or_in_a_forced_call(server: ModelServer) -> None:
    form = {"name": "verdict", "schema": SCHEMA, "strict": True}
    said = chat(server, response_format={"type": "json_schema", "json_schema": form})
    Verdict.model_validate_json(said.choices[0].message.content)
    tool = {"type": "function", "function": {"name": "judge", "parameters": SCHEMA}}
    choice = {"type": "function", "function": {"name": "judge"}}
    call = chat(server, tools=[tool], tool_choice=choice).choices[0].message
    assert call.content is None and call.tool_calls[0].function.name == "judge"
    Verdict.model_validate_json(call.tool_calls[0].function.arguments)


def test_chat_refuses_a_strict_schema_that_leaves_objects_open(server: ModelServer) -> None:
    lax = {k: v for k, v in SCHEMA.items() if k != "additionalProperties"}
    form = {"name": "verdict", "schema": lax, "strict": True}
    with pytest.raises(openai.BadRequestError, match="additionalProperties"):
        chat(server, response_format={"type": "json_schema", "json_schema": form})
    form = {"name": "verdict", "schema": {**SCHEMA, "required": ["score"]}, "strict": True}
    with pytest.raises(openai.BadRequestError, match="required"):
        chat(server, response_format={"type": "json_schema", "json_schema": form})
    form = {"name": "verdict", "schema": lax}
    assert chat(server, response_format={"type": "json_schema", "json_schema": form}).choices


def test_chat_shows_reasoning_as_routers_and_local_servers_do(server: ModelServer) -> None:
    assert not hasattr(chat(server).choices[0].message, "reasoning")
    routed = chat(server, extra_body={"reasoning": {"effort": "medium"}})
    assert routed.choices[0].message.reasoning
    local = chat(server, extra_body={"chat_template_kwargs": {"enable_thinking": True}})
    assert local.choices[0].message.reasoning_content
    hidden = chat(server, reasoning_effort="medium")
    assert not hasattr(hidden.choices[0].message, "reasoning")
    assert hidden.usage.completion_tokens_details.reasoning_tokens > 0


def test_chat_cites_pages_when_asked_to_search(server: ModelServer) -> None:
    more: dict[str, Any]
    for more in (
        {"web_search_options": {}},
        {"extra_body": {"plugins": [{"id": "web"}]}},
        {"model": "some/model:online"},
    ):
        notes = chat(server, **more).choices[0].message.annotations
        assert [n.url_citation.url.startswith("https://") for n in notes] == [True, True]
    assert chat(server).choices[0].message.annotations is None


# --- Responses


def test_responses_answer_text_and_instructions_count_as_system(server: ModelServer) -> None:
    said = respond(server)
    assert said.status == "completed" and said.output_text == default_text("m", HEARD)
    heard = [{"role": "system", "content": "Be brief."}, *HEARD]
    assert respond(server, instructions="Be brief.").output_text == default_text("m", heard)
    plain = respond(server, input="Why do tides rise?")
    assert plain.output_text == said.output_text


def test_responses_follow_a_schema(server: ModelServer) -> None:
    async def parse() -> Any:
        async with openai_client(server) as client:
            return await client.responses.parse(model="m", input=ASK, text_format=Verdict)

    assert isinstance(asyncio.run(parse()).output_parsed, Verdict)
    tool = {"type": "function", "name": "judge", "parameters": SCHEMA, "strict": True}
    choice = {"type": "function", "name": "judge"}
    call = respond(server, tools=[tool], tool_choice=choice).output[-1]
    assert (call.type, call.name) == ("function_call", "judge")
    Verdict.model_validate_json(call.arguments)


def test_responses_show_a_summary_of_reasoning_only_when_asked(server: ModelServer) -> None:
    shown = respond(server, reasoning={"effort": "medium", "summary": "auto"})
    assert [item.type for item in shown.output] == ["reasoning", "message"]
    assert shown.output[0].summary[0].text
    assert shown.usage.output_tokens_details.reasoning_tokens > 0
    assert respond(server, reasoning={"effort": "medium"}).output[0].summary == []
    assert [item.type for item in respond(server).output] == ["message"]


def test_responses_cite_pages_when_asked_to_search(server: ModelServer) -> None:
    said = respond(server, tools=[{"type": "web_search"}])
    assert [item.type for item in said.output] == ["web_search_call", "message"]
    notes = said.output[1].content[0].annotations
    assert [n.type for n in notes] == ["url_citation", "url_citation"] and notes[0].title


# --- Messages


def test_messages_answer_text_with_the_system_prompt_heard(server: ModelServer) -> None:
    said = message(server, system="Be brief.")
    heard = [{"role": "system", "content": "Be brief."}, *HEARD]
    assert said.content[0].text == default_text("claude-x", heard)
    assert said.stop_reason == "end_turn" and said.usage.output_tokens > 0


def test_messages_follow_a_schema_in_text_or_in_a_forced_call(server: ModelServer) -> None:
    said = message(server, output_config={"format": {"type": "json_schema", "schema": SCHEMA}})
    Verdict.model_validate_json(said.content[0].text)
    tool = {"name": "judge", "input_schema": SCHEMA}
    call = message(server, tools=[tool], tool_choice={"type": "tool", "name": "judge"})
    assert call.stop_reason == "tool_use" and call.content[0].name == "judge"
    Verdict.model_validate(call.content[0].input)

    async def parse() -> Any:
        async with anthropic_client(server) as client:
            return await client.messages.parse(
                model="claude-x", max_tokens=100, messages=ASK, output_format=Verdict
            )

    assert isinstance(asyncio.run(parse()).parsed_output, Verdict)


def test_messages_refuse_schemas_their_decoder_does_not_know(server: ModelServer) -> None:
    bounded = {
        "type": "object",
        "properties": {"score": {"type": "integer", "minimum": 0}},
        "required": ["score"],
        "additionalProperties": False,
    }
    with pytest.raises(AnthropicBadRequest, match="minimum"):
        message(server, output_config={"format": {"type": "json_schema", "schema": bounded}})


def test_messages_think_under_the_rules_of_the_api(server: ModelServer) -> None:
    on = {"type": "enabled", "budget_tokens": 4096}
    said = message(server, thinking=on, max_tokens=8192)
    assert [block.type for block in said.content] == ["thinking", "text"]
    assert said.content[0].thinking and said.content[0].signature
    with pytest.raises(AnthropicBadRequest, match="max_tokens"):
        message(server, thinking=on, max_tokens=4096)
    with pytest.raises(AnthropicBadRequest, match="temperature"):
        message(server, thinking=on, max_tokens=8192, extra_body={"temperature": 0.1})
    tool = {"name": "judge", "input_schema": SCHEMA}
    force = {"type": "tool", "name": "judge"}
    with pytest.raises(AnthropicBadRequest, match="tool_choice"):
        message(server, thinking=on, max_tokens=8192, tools=[tool], tool_choice=force)


def test_messages_cite_pages_when_asked_to_search(server: ModelServer) -> None:
    tool = {"type": "web_search_20250305", "name": "web_search", "max_uses": 2}
    said = message(server, tools=[tool])
    types = [block.type for block in said.content]
    assert types == ["server_tool_use", "web_search_tool_result", "text", "text"]
    assert "".join(b.text for b in said.content[2:]) == default_text("claude-x", HEARD)
    assert said.content[2].citations[0].url == said.content[1].content[0].url
    assert said.usage.server_tool_use.web_search_requests == 1


# --- Converse


def test_converse_answers_text_for_an_id_with_a_colon(
    server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = bedrock_client(server, monkeypatch)
    model = "anthropic.claude-3-haiku-20240307-v1:0"
    said = client.converse(
        modelId=model,
        messages=[{"role": "user", "content": [{"text": "Why do tides rise?"}]}],
        system=[{"text": "Be brief."}],
        inferenceConfig={"maxTokens": 50, "temperature": 0.1},
    )
    heard = [{"role": "system", "content": "Be brief."}, *HEARD]
    assert said["output"]["message"]["content"] == [{"text": default_text(model, heard)}]
    assert said["stopReason"] == "end_turn" and said["usage"]["totalTokens"] > 0


def test_converse_thinks_follows_schemas_and_cites(
    server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = bedrock_client(server, monkeypatch)
    asked = [{"role": "user", "content": [{"text": "Why?"}]}]

    def content(**more: Any) -> list[dict[str, Any]]:
        return client.converse(modelId="m", messages=asked, **more)["output"]["message"]["content"]

    thinking = {"thinking": {"type": "enabled", "budget_tokens": 4096}}
    thought = content(additionalModelRequestFields=thinking, inferenceConfig={"maxTokens": 8192})
    assert thought[0]["reasoningContent"]["reasoningText"]["text"] and thought[1]["text"]
    form = {"jsonSchema": {"schema": json.dumps(SCHEMA), "name": "verdict"}}
    text_format = {"type": "json_schema", "structure": form}
    Verdict.model_validate_json(content(outputConfig={"textFormat": text_format})[0]["text"])
    tools = [{"toolSpec": {"name": "judge", "inputSchema": {"json": SCHEMA}}}]
    forced = {"tools": tools, "toolChoice": {"tool": {"name": "judge"}}}
    Verdict.model_validate(content(toolConfig=forced)[0]["toolUse"]["input"])
    cited = content(toolConfig={"tools": [{"systemTool": {"name": "nova_grounding"}}]})
    assert cited[1]["citationsContent"]["citations"][0]["location"]["web"]["url"]


# --- Embeddings and the rest


def test_embeddings_of_texts_that_share_words_point_the_same_way(server: ModelServer) -> None:
    async def embed(**more: Any) -> list[list[float]]:
        texts = ["honesty before comfort", "honesty before kindness", "nothing alike at all"]
        async with openai_client(server) as client:
            rows = await client.embeddings.create(model="e", input=texts, **more)
        return [row.embedding for row in rows.data]

    for vectors in (
        asyncio.run(embed()),
        asyncio.run(embed(encoding_format="float", dimensions=128)),
    ):
        near, far = (sum(a * b for a, b in zip(vectors[0], v, strict=True)) for v in vectors[1:])
        assert near > far
        assert sum(a * a for a in vectors[0]) == pytest.approx(1, abs=1e-5)
    assert len(vectors[0]) == 128


def test_models_are_listed_in_both_shapes_and_others_do_not_exist() -> None:
    async def ids(client: Any) -> list[str]:
        async with client:
            return [model.id async for model in client.models.list()]

    with ModelServer(models=("one", "two")) as server:
        assert asyncio.run(ids(openai_client(server))) == ["one", "two"]
        assert asyncio.run(ids(anthropic_client(server))) == ["one", "two"]
        assert chat(server, model="one").choices
        with pytest.raises(openai.NotFoundError, match="three"):
            chat(server, model="three")


def test_a_reply_function_sees_model_messages_and_body() -> None:
    def reply(model: str, messages: Any, body: Any) -> str:
        return json.dumps([model, messages[-1]["content"], body.get("seed")])

    with ModelServer(reply=reply) as server:
        said = chat(server, seed=7).choices[0].message.content
        assert json.loads(said) == ["m", "Why do tides rise?", 7]
        server.configure(reply=lambda *_: "changed")
        assert chat(server).choices[0].message.content == "changed"
        assert message(server).content[0].text == "changed"


def test_a_reply_function_that_fails_is_a_server_error_in_the_log() -> None:
    def reply(*_: Any) -> str:
        raise RuntimeError("no idea")

    with ModelServer(reply=reply) as server:
        with pytest.raises(openai.InternalServerError):
            chat(server)
        assert server.log.outcomes() == {"reply_error": 1} and server.log.in_flight == 0


def test_examples_follow_nested_schemas(server: ModelServer) -> None:
    class Part(pydantic.BaseModel):
        name: str = pydantic.Field(min_length=60)
        share: float = pydantic.Field(ge=0, le=1)

    class Whole(pydantic.BaseModel):
        parts: list[Part] = pydantic.Field(min_length=3)
        kind: Literal["a", "b"]
        note: str | None
        count: int = pydantic.Field(gt=3, lt=6)

    schema = Whole.model_json_schema()
    for i in range(10):
        ask = [{"role": "user", "content": f"question {i}"}]
        form = {"type": "json_schema", "json_schema": {"name": "whole", "schema": schema}}
        said = chat(server, messages=ask, response_format=form).choices[0].message.content
        jsonschema.validate(json.loads(said), schema)


def test_requests_that_make_no_sense_are_rejected_not_answered(server: ModelServer) -> None:
    bad: dict[str, Any]
    for bad in ({"messages": []}, {"messages": ["hello"]}, {"stream": True}, {"n": 3}):
        with pytest.raises(openai.BadRequestError):
            chat(server, **bad)
    with pytest.raises(AnthropicBadRequest, match="role"):
        message(server, messages=[{"role": "wizard", "content": "hi"}])
