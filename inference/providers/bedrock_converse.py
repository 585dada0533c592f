"""Amazon Bedrock's Converse API through boto3: ids with `bedrock` in them.

boto3 has no asynchronous client, so requests run in a thread pool as wide as the concurrency.
"""

from __future__ import annotations

import json
from typing import Any

from inference.models import ModelRef, aws_region
from inference.providers.anthropic_messages import thinking
from inference.providers.base import (
    HALF_A_CHARACTER,
    MAX_BODY_BYTES,
    ProviderOptions,
    Reply,
    RequestFailed,
    failed_status,
    finish_of,
    parse_retry_after,
    split_system,
    tokens,
    understood,
    without_none,
)
from inference.providers.daemon_threads import DaemonThreads
from inference.request import Request
from inference.result import Failure, Usage
from inference.rules import claude_has_native_schema
from inference.schema import is_closed, without_bounds

_FINISH = {
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "content_filtered": "filtered",
    "guardrail_intervened": "filtered",
}
_AUTH = {
    "UnrecognizedClientException",
    "InvalidSignatureException",
    "ExpiredTokenException",
    "ExpiredToken",
    "MissingAuthenticationTokenException",
    "ServiceQuotaExceededException",
}


class BedrockConverse:
    """bedrock-runtime Converse. Region and keys come from the AWS environment."""

    def __init__(self, model: ModelRef, options: ProviderOptions) -> None:
        import boto3
        from botocore.config import Config

        config = Config(
            max_pool_connections=options.concurrency,
            retries={"total_max_attempts": 1},
            read_timeout=options.timeout,
            connect_timeout=min(60.0, options.timeout),
        )
        region = aws_region()
        self._client = boto3.client("bedrock-runtime", region_name=region, config=config)
        self._threads = DaemonThreads(options.concurrency, "bedrock")

    async def send(self, request: Request) -> Reply:
        """See `Provider.send`."""
        return await self._threads.run(lambda: self._converse(request))

    def _converse(self, request: Request) -> Reply:
        from botocore import exceptions as aws

        try:
            answer = self._client.converse(**body_of(request))
        except aws.ClientError as error:
            raise _client_failure(error) from None
        except (aws.ReadTimeoutError, aws.ConnectTimeoutError) as error:
            raise RequestFailed(Failure.TIMEOUT, str(error), retryable=True) from None
        except (aws.NoCredentialsError, aws.NoRegionError) as error:
            raise RequestFailed(Failure.AUTH, str(error)) from None
        except aws.ParamValidationError as error:
            raise RequestFailed(Failure.BAD_REQUEST, str(error)) from None
        except UnicodeEncodeError:
            raise RequestFailed(Failure.BAD_REQUEST, HALF_A_CHARACTER) from None
        except (aws.BotoCoreError, ValueError, KeyError) as error:
            raise RequestFailed(Failure.SERVER_ERROR, str(error), retryable=True) from None
        _refuse_huge_body(answer)
        return understood(read_reply, usage_of, answer)

    async def close(self) -> None:
        """See `Provider.close`. A thread that still waits is left to its own time limit."""
        self._threads.close()
        self._client.close()


def body_of(request: Request) -> dict[str, Any]:
    """The arguments of `converse`."""
    sampling = request.sampling
    system, turns = split_system(request)
    budget = sampling.thinking_budget if sampling.thinking else 0
    body: dict[str, Any] = {
        "modelId": request.model.name,
        "messages": [{"role": t["role"], "content": [{"text": t["content"]}]} for t in turns],
        "inferenceConfig": without_none(
            maxTokens=sampling.max_tokens + budget,
            temperature=sampling.temperature,
            topP=sampling.top_p,
        ),
    }
    if system:
        body["system"] = [{"text": system}]
    if sampling.thinking:
        wanted = thinking(request.model.name, budget)
        body["additionalModelRequestFields"] = {"thinking": wanted}
    if request.schema:
        _ask_for_structure(body, request)
    return body


def _ask_for_structure(body: dict[str, Any], request: Request) -> None:
    assert request.schema is not None
    schema = request.schema
    name, wanted = request.model.name, schema.json_schema
    if "claude" in name and claude_has_native_schema(name) and is_closed(wanted):
        text = json.dumps(without_bounds(wanted), ensure_ascii=False)
        native = {"jsonSchema": {"name": schema.name, "schema": text}}
        body["outputConfig"] = {"textFormat": {"type": "json_schema", "structure": native}}
        return
    tool = {"name": schema.name, "inputSchema": {"json": wanted}}
    body["toolConfig"] = {
        "tools": [{"toolSpec": tool}],
        "toolChoice": {"auto": {}}
        if request.sampling.thinking
        else {"tool": {"name": schema.name}},
    }


def read_reply(answer: dict[str, Any]) -> Reply:
    """Text and reasoning of the output message; a tool call's input is the text."""
    finish_reason = answer.get("stopReason") or ""
    if finish_reason.startswith("malformed"):
        raise RequestFailed(
            Failure.SERVER_ERROR, f"the model broke off: {finish_reason}", retryable=True
        )
    blocks = answer["output"]["message"].get("content") or []
    texts = [block["text"] for block in blocks if "text" in block]
    calls = [block["toolUse"]["input"] for block in blocks if "toolUse" in block]
    thoughts = [
        block["reasoningContent"].get("reasoningText", {}).get("text", "")
        for block in blocks
        if "reasoningContent" in block
    ]
    return Reply(
        text=json.dumps(calls[0], ensure_ascii=False) if calls else "".join(texts),
        finish=finish_of(finish_reason, _FINISH),
        finish_reason=finish_reason,
        usage=usage_of(answer),
        reasoning="\n\n".join(filter(None, thoughts)) or None,
    )


def usage_of(answer: dict[str, Any]) -> Usage:
    """The tokens that a response tells of; `input` includes what was cached."""
    usage = answer.get("usage") or {}
    cached = tokens(usage, "cacheReadInputTokens")
    written = tokens(usage, "cacheWriteInputTokens")
    return Usage(
        input=tokens(usage, "inputTokens") + cached + written,
        output=tokens(usage, "outputTokens"),
        cached=cached,
    )


def _refuse_huge_body(answer: dict[str, Any]) -> None:
    """By the length that was announced; else (a body in chunks) by that of the message."""
    headers = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    length = str(headers.get("content-length", ""))
    size = int(length) if length.isdigit() else len(repr(answer.get("output")))
    if size > MAX_BODY_BYTES:
        detail = f"the answer has {size:,} bytes; at most {MAX_BODY_BYTES:,} are taken"
        raise RequestFailed(Failure.TOO_LARGE, detail)


def _client_failure(error: Any) -> RequestFailed:
    """botocore knows the HTTP status; a few error codes say more than it does."""
    code = error.response.get("Error", {}).get("Code", "")
    meta = error.response.get("ResponseMetadata", {})
    if code in _AUTH:
        return RequestFailed(Failure.AUTH, str(error))
    if code in ("ThrottlingException", "TooManyRequestsException"):
        status = 429
    elif code == "ModelTimeoutException":
        status = 408
    elif code in ("ModelNotReadyException", "ServiceUnavailableException", "ModelErrorException"):
        status = 503
    else:
        status = meta.get("HTTPStatusCode", 500)
    return failed_status(status, str(error), parse_retry_after(meta.get("HTTPHeaders", {})))
