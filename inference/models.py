"""Which model id goes where: one table, read from top to bottom."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from inference.errors import MissingKey, PlumblineError, UnknownModel

OPENROUTER_URL = "https://openrouter.ai/api/v1"
GEMINI_URL = "https://generativelanguage.googleapis.com/v1beta/openai/"


@dataclass(frozen=True, slots=True)
class ModelRef:
    """A model and the endpoint that serves it.

    Attributes:
        label: the id as the user wrote it; reports and file names show it.
        provider: a row of `ROUTES`: which module of `inference.providers` talks to it.
        name: the id as the API wants it.
        base_url: the endpoint; None where the SDK decides by region or nothing is called.
        revision: of a local model's weights.
        adapter: a LoRA adapter on top of a local base model, None for the base itself.
        adapter_revision: the adapter's revision or a hash of its files.
        engine: of a local model, canonical JSON: the prompt's format, and engine options that can
            change an answer.
        serving: of a local model, JSON: the engine options that can't; no part of its identity.
    """

    label: str
    provider: str
    name: str
    base_url: str | None = None
    revision: str | None = None
    adapter: str | None = None
    adapter_revision: str | None = None
    engine: str | None = None
    serving: str = field(default="", repr=False, compare=False)

    def identity(self) -> list[Any]:
        """What of it can change an answer: part of every request's key."""
        shared = [
            self.provider,
            self.base_url,
            self.name,
            self.revision,
            self.adapter,
            self.adapter_revision,
        ]
        return shared if self.engine is None else [*shared, self.engine]

    @property
    def endpoint(self) -> tuple[object, ...]:
        """What models share whose requests are limited together: adapters of one base do."""
        return self.provider, self.base_url, self.name, self.revision

    @property
    def slug(self) -> str:
        """The id as a file name."""
        return re.sub(r"[/:.]", "-", self.label)


@dataclass(frozen=True, slots=True)
class Route:
    """One row of the table: ids that `matches` go to `provider`."""

    provider: str
    pattern: str
    example: str
    matches: Callable[[str], bool]
    key: str | None
    base_url: Callable[[], str | None] = lambda: None
    prefix: str = ""


def _starts(*prefixes: str) -> Callable[[str], bool]:
    return lambda model_id: model_id.startswith(prefixes)


def _bedrock_url() -> str | None:
    """The endpoint that boto3 will use: two regions may serve a model differently."""
    if os.environ.get("AWS_ENDPOINT_URL_BEDROCK_RUNTIME"):
        return os.environ["AWS_ENDPOINT_URL_BEDROCK_RUNTIME"]
    region = aws_region()
    return f"https://bedrock-runtime.{region}.amazonaws.com" if region else None


LOCAL_ROUTES = (
    Route("simulated", "sim/<name>", "sim/steadfast", _starts("sim/"), None, prefix="sim/"),
    Route("vllm", "vllm/... or hf_local:...", "vllm/org/repo", _starts("vllm/", "hf_local:"), None),
)
REMOTE_ROUTES = (
    Route(
        "openrouter",
        "openrouter/<id>",
        "openrouter/qwen/qwen3-32b",
        _starts("openrouter/"),
        "OPENROUTER_API_KEY",
        lambda: OPENROUTER_URL,
        "openrouter/",
    ),
    Route(
        "gemini",
        "gemini/<id>",
        "gemini/gemini-2.5-flash",
        _starts("gemini/"),
        "GOOGLE_API_KEY",
        lambda: GEMINI_URL,
        "gemini/",
    ),
    Route(
        "bedrock",
        "ids with 'bedrock'",
        "bedrock/us.amazon.nova-lite-v1:0",
        lambda model_id: "bedrock" in model_id,
        "AWS_ACCESS_KEY_ID",
        _bedrock_url,
        "bedrock/",
    ),
    Route(
        "anthropic",
        "claude..., no slash",
        "claude-sonnet-4-6",
        lambda model_id: "claude" in model_id and "/" not in model_id,
        "ANTHROPIC_API_KEY",
        lambda: os.environ.get("ANTHROPIC_BASE_URL") or "https://api.anthropic.com",
    ),
    Route(
        "openai",
        "gpt-, o<digit>, chatgpt-, ft:",
        "gpt-4.1-nano",
        lambda model_id: bool(re.match(r"gpt-|o\d|chatgpt-|ft:", model_id)),
        "OPENAI_API_KEY",
        lambda: os.environ.get("OPENAI_BASE_URL") or "https://api.openai.com/v1",
    ),
    Route(
        "openrouter",
        "<org>/<name>",
        "google/gemma-3-27b-it",
        lambda model_id: bool(re.fullmatch(r"[\w.-]+/[\w.:-]+", model_id)),
        "OPENROUTER_API_KEY",
        lambda: OPENROUTER_URL,
    ),
)
_KEY_OF = {route.provider: route.key for route in LOCAL_ROUTES + REMOTE_ROUTES}
_SENT = {
    "endpoint": ("INFERENCE_API_KEY",),
    "bedrock": ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"),
}
"""Keys that are sent where they are set, beside those of `_KEY_OF` that must be."""


def resolve(model_id: str, inference_url: str | None = None, vllm_options: str = "") -> ModelRef:
    """The model and endpoint that an id names.

    With `inference_url` that endpoint serves the id as it stands, whatever its prefix; only the
    local rows come before it. `vllm_options` is a JSON object of engine options for local models.

    Raises:
        UnknownModel: no row matches; the message prints the table.
        PlumblineError: the URL contains credentials or is no URL; a local model is malformed.
    """
    model_id = model_id.strip()
    if not model_id:
        raise UnknownModel("the model id is empty; give one such as gpt-4.1-nano")
    for route in LOCAL_ROUTES:
        if route.matches(model_id):
            return _local(route, model_id, vllm_options)
    if inference_url:
        return ModelRef(model_id, "endpoint", model_id, checked_url(inference_url))
    for route in REMOTE_ROUTES:
        if route.matches(model_id):
            base_url = route.base_url()
            name = model_id.removeprefix(route.prefix)
            return ModelRef(
                model_id, route.provider, name, checked_url(base_url) if base_url else None
            )
    raise UnknownModel(f"no provider serves the model id '{model_id}'. Known are:\n{table()}")


def _local(route: Route, model_id: str, vllm_options: str) -> ModelRef:
    if route.provider == "vllm":
        from inference.local.names import local_model

        return local_model(model_id, vllm_options)
    from inference.simulated import known

    name = model_id.removeprefix(route.prefix)
    if not known(name):
        from inference.simulated import catalogue

        names = ", ".join(f"sim/{row[0].removeprefix('sim/')}" for row in catalogue())
        raise UnknownModel(f"no simulated model is called '{model_id}'; there are: {names}")
    return ModelRef(model_id, route.provider, name)


def resolve_all(
    model_ids: str, inference_url: str | None = None, vllm_options: str = ""
) -> list[ModelRef]:
    """The models of a comma-separated list, in order; a repeated id is an error."""
    ids = [part.strip() for part in model_ids.split(",") if part.strip()]
    if not ids:
        raise UnknownModel("no model id given; use --model_id, for example gpt-4.1-nano")
    repeated = sorted({model_id for model_id in ids if ids.count(model_id) > 1})
    if repeated:
        raise PlumblineError(f"the model id {repeated[0]} is given twice")
    return [resolve(model_id, inference_url, vllm_options) for model_id in ids]


def table() -> str:
    """The routing table as text, for error messages and `docs/models.md`."""
    rows = [(r.pattern, r.provider, r.example, r.key or "no key") for r in LOCAL_ROUTES]
    rows.append(("any id, with --inference_url", "that endpoint", "meta-llama/...", "no key"))
    rows += [(r.pattern, r.provider, r.example, r.key or "no key") for r in REMOTE_ROUTES]
    return "\n".join(f"  {a:<32}{b:<16}{c:<36}{d}" for a, b, c, d in rows)


_SECRET_QUERY = re.compile(r"(?:^|&)[^=&]*(?:key|token|secret|passw|signature|auth)[^=&]*=", re.I)


def checked_url(url: str) -> str:
    """The URL itself, refused when it is no http(s) URL or carries credentials."""
    try:
        parts = urlsplit(url)
        _ = parts.port  # looked at only now
    except ValueError as error:
        raise PlumblineError(f"the URL can't be read: {error}") from None
    if parts.username or parts.password or _SECRET_QUERY.search(parts.query):
        raise PlumblineError(
            f"the URL for host {parts.hostname} contains credentials; put the key into .env instead"
        )
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise PlumblineError(f"'{url}' is not an http(s) URL, for example http://0.0.0.0:8000/v1")
    return url.rstrip("/")


def check_keys(models: list[ModelRef]) -> None:
    """Refuse keys before anything is sent with them.

    Raises:
        MissingKey: naming every variable that is not set or blank, and the models that need it.
        PlumblineError: naming the variable of a key that no request can carry.
    """
    wanting: dict[str, list[str]] = {}
    for model in models:
        _check_characters(model)
        lacking = _lacking_aws() if model.provider == "bedrock" else _lacking_key(model)
        if lacking:
            wanting.setdefault(lacking, []).append(model.label)
    if wanting:
        told = "; ".join(
            f"{', '.join(labels)} {'needs' if len(labels) == 1 else 'need'} {lacking}"
            for lacking, labels in wanting.items()
        )
        it = "it" if len(wanting) == 1 else "them"
        raise MissingKey(f"{told}; set {it} or write {it} into .env (see .env.template)")


def _check_characters(model: ModelRef) -> None:
    """Refuse a key that no header can carry: the SDKs would fail at every single request."""
    for variable in _SENT.get(model.provider, (_KEY_OF.get(model.provider) or "",)):
        key = os.environ.get(variable, "").strip()
        if not (key.isascii() and key.isprintable()):
            raise PlumblineError(
                f"the key in {variable} holds a line break, another control character or one "
                "that is not ASCII; copy it anew, or unset it"
            )


def _lacking_key(model: ModelRef) -> str:
    """The variable that a model needs and that is not set; "" where nothing is missing."""
    variable = _KEY_OF.get(model.provider)
    if not variable or os.environ.get(variable, "").strip():
        return ""
    return f"the environment variable {variable}"


def _lacking_aws() -> str:
    """What AWS needs and does not have; "" where nothing is missing."""
    import boto3

    lacking = []
    if boto3.Session().get_credentials() is None:
        lacking.append(
            "AWS credentials (AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE)"
        )
    if aws_region() is None:
        lacking.append("a region (AWS_REGION, for example AWS_REGION=us-east-1)")
    return " and ".join(lacking)


def aws_region() -> str | None:
    """AWS_REGION, else AWS_DEFAULT_REGION, else that of the AWS profile."""
    import boto3

    named = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    return named or boto3.Session().region_name
