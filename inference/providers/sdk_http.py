"""What the OpenAI and Anthropic SDKs have in common: one pooled client, raw posts, error names.

Requests go through the SDK's generic `post(path, cast_to=object, body=...)`: the SDK still does
URLs, keys, headers and errors, but skips building typed response objects, which costs more CPU
than all the rest. The transport is the SDK's own aiohttp client, with a pool as wide as the
concurrency. Retries are switched off: there is one retry layer, in `inference.ask`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable
from types import ModuleType
from typing import Any, TypeVar

from inference.providers.base import (
    HALF_A_CHARACTER,
    MAX_BODY_BYTES,
    ProviderOptions,
    RequestFailed,
    failed_status,
    parse_retry_after,
)
from inference.result import Failure

Answer = TypeVar("Answer")


def make_client(sdk: ModuleType, options: ProviderOptions, **client_options: Any) -> Any:
    """The SDK's asynchronous client over one aiohttp pool for the whole run."""
    import httpx2

    pool = httpx2.Limits(
        max_connections=options.concurrency, max_keepalive_connections=options.concurrency
    )
    # How long an answer may take is the loop's business, so that there is one word for it.
    timeout = httpx2.Timeout(None, connect=min(60.0, options.timeout))
    transport = sdk.DefaultAioHttpClient(
        limits=pool,
        timeout=timeout,
        # Counted is what comes over the wire, so that must be the answer itself.
        headers={"accept-encoding": "identity"},
        event_hooks={"response": [_refuse_huge_body]},
    )
    kind = sdk.AsyncOpenAI if sdk.__name__ == "openai" else sdk.AsyncAnthropic
    return kind(http_client=transport, max_retries=0, timeout=timeout, **client_options)


async def post(sdk: ModuleType, client: Any, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """The JSON object that the API answers; it may tell of an error.

    Raises:
        RequestFailed: by status, connection, timeout, or because the body is no JSON object.
    """
    answer = await told(sdk, client.post(path, cast_to=object, body=body))
    if not isinstance(answer, dict):
        raise RequestFailed(
            Failure.SERVER_ERROR,
            f"the response body is not a JSON object: {answer}",
            retryable=True,
        )
    return answer


async def told(sdk: ModuleType, call: Awaitable[Answer]) -> Answer:
    """What a call of the SDK returns.

    Raises:
        RequestFailed: in place of the SDK's own errors.
    """
    try:
        return await call
    except sdk.APIStatusError as error:
        wait = parse_retry_after(error.response.headers)
        raise failed_status(error.status_code, _said(error), wait) from None
    except sdk.APIConnectionError as error:
        raise _connection_failure(error) from None
    except sdk.APIError as error:
        raise RequestFailed(Failure.SERVER_ERROR, str(error), retryable=True) from None
    except UnicodeEncodeError:
        raise RequestFailed(Failure.BAD_REQUEST, HALF_A_CHARACTER) from None
    except ValueError as error:
        detail = f"the response body is not JSON: {error}"
        raise RequestFailed(Failure.SERVER_ERROR, detail, retryable=True) from None


def _said(error: Any) -> str:
    """An API error's message, its code where that leaves it out, and what was not found."""
    message, code = str(error.message), getattr(error, "code", None)
    if code and str(code) not in message:
        message = f"{message} ({code})"
    # Often it is the address that is wrong, such as one without its /v1.
    return f"{message} at {error.request.url}" if error.status_code == 404 else message


def _connection_failure(error: BaseException) -> RequestFailed:
    """Timeouts and broken connections, told apart by what aiohttp said underneath."""
    import aiohttp

    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, RequestFailed):
            return cause
        if isinstance(cause, TimeoutError | aiohttp.ServerTimeoutError):
            return RequestFailed(Failure.TIMEOUT, str(cause) or "no answer in time", retryable=True)
        if isinstance(cause, aiohttp.ClientError | OSError):
            detail = f"connection failed: {cause}"
            return RequestFailed(Failure.SERVER_ERROR, detail, retryable=True)
        cause = cause.__cause__ or cause.__context__
    return RequestFailed(Failure.SERVER_ERROR, f"connection failed: {error}", retryable=True)


async def _refuse_huge_body(response: Any) -> None:
    """Runs before the body is read: by its announced length, else by counting what comes."""
    length = response.headers.get("content-length", "")
    if not length.isdigit():
        response.stream = _counted(response.stream)
    elif int(length) > MAX_BODY_BYTES:
        await response.aclose()
        raise _too_large(f"{int(length):,}")


def _too_large(size: str) -> RequestFailed:
    detail = f"the answer has {size} bytes; at most {MAX_BODY_BYTES:,} are read"
    return RequestFailed(Failure.TOO_LARGE, detail)


def _counted(stream: Any) -> Any:
    import httpx2

    class Counted(httpx2.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            seen = 0
            async for piece in stream:
                seen += len(piece)
                if seen > MAX_BODY_BYTES:
                    raise _too_large(f"more than {MAX_BODY_BYTES:,}")
                yield piece

        async def aclose(self) -> None:
            await stream.aclose()

    return Counted()
