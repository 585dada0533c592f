"""The routing table, read from top to bottom, and what is refused before anything is spent."""

from __future__ import annotations

import pytest

from inference import PlumblineError, resolve
from inference.errors import MissingKey, UnknownModel
from inference.models import check_keys, checked_url, resolve_all, table
from tests.inference.asking import no_keys, set_keys

URL = "http://0.0.0.0:8000/v1"


@pytest.mark.parametrize(
    ("model_id", "provider", "name"),
    [
        ("sim/steadfast", "simulated", "steadfast"),
        ("openrouter/openai/gpt-4.1", "openrouter", "openai/gpt-4.1"),
        ("openrouter/anthropic/claude-3-opus", "openrouter", "anthropic/claude-3-opus"),
        ("gemini/gemini-2.5-flash", "gemini", "gemini-2.5-flash"),
        ("bedrock/us.amazon.nova-lite-v1:0", "bedrock", "us.amazon.nova-lite-v1:0"),
        ("bedrock/anthropic.claude-3-haiku", "bedrock", "anthropic.claude-3-haiku"),
        ("arn:aws:bedrock:us-east-1::x/claude", "bedrock", "arn:aws:bedrock:us-east-1::x/claude"),
        ("claude-sonnet-4-6", "anthropic", "claude-sonnet-4-6"),
        ("gpt-4.1-nano", "openai", "gpt-4.1-nano"),
        ("o3-mini", "openai", "o3-mini"),
        ("chatgpt-4o-latest", "openai", "chatgpt-4o-latest"),
        ("ft:gpt-4.1-nano:org::x", "openai", "ft:gpt-4.1-nano:org::x"),
        ("google/gemma-3-27b-it", "openrouter", "google/gemma-3-27b-it"),
        ("anthropic/claude-3-opus", "openrouter", "anthropic/claude-3-opus"),
        ("meta-llama/llama-3:free", "openrouter", "meta-llama/llama-3:free"),
    ],
)
def test_each_id_has_its_provider(model_id: str, provider: str, name: str) -> None:
    model = resolve(model_id)
    assert (model.provider, model.name, model.label) == (provider, name, model_id)


@pytest.mark.parametrize(
    "model_id", ["gpt-4.1", "claude-x", "openrouter/a/b", "gemini/g", "bedrock/b", "whatever"]
)
def test_a_given_endpoint_beats_every_other_prefix(model_id: str) -> None:
    model = resolve(model_id, URL)
    assert (model.provider, model.name, model.base_url) == ("endpoint", model_id, URL)


def test_local_models_come_before_a_given_endpoint() -> None:
    assert resolve("sim/steadfast", URL).provider == "simulated"


@pytest.mark.parametrize("model_id", ["llama", "mistral-large", "a/b/c/d e"])
def test_an_unknown_id_prints_the_table(model_id: str) -> None:
    with pytest.raises(UnknownModel) as caught:
        resolve(model_id)
    assert model_id in str(caught.value) and table() in str(caught.value)
    for word in ("openrouter/<id>", "OPENAI_API_KEY", "--inference_url", "sim/<name>"):
        assert word in table()


def test_an_unknown_simulated_model_lists_those_there_are() -> None:
    with pytest.raises(UnknownModel, match="sim/steadfast"):
        resolve("sim/nobody")


def test_an_empty_id_is_said() -> None:
    with pytest.raises(UnknownModel, match="empty"):
        resolve(" ")


@pytest.mark.parametrize(
    "url",
    ["http://user:hunter2@host/v1", "https://hunter2@host", "http://:hunter2@host:80/v1"],
)
def test_a_url_with_credentials_is_refused_without_repeating_them(url: str) -> None:
    with pytest.raises(PlumblineError, match="credentials") as caught:
        resolve("m", url)
    assert "hunter2" not in str(caught.value) and "host" in str(caught.value)


def test_credentials_in_an_sdks_own_variable_are_refused_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "https://me:hunter2@proxy/v1")
    with pytest.raises(PlumblineError, match="credentials"):
        resolve("gpt-4.1")


@pytest.mark.parametrize("url", ["localhost:8000", "ftp://host", "http://", "0.0.0.0"])
def test_what_is_no_url_is_refused(url: str) -> None:
    with pytest.raises(PlumblineError, match="not an http"):
        checked_url(url)


@pytest.mark.parametrize("url", ["http://[::1", "http://host:port/v1", "http://host:99999"])
def test_a_broken_url_is_one_line(url: str) -> None:
    with pytest.raises(PlumblineError, match="URL"):
        checked_url(url)


def test_an_empty_variable_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "")
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "")
    urls = [resolve(m).base_url for m in ("gpt-4.1", "claude-x")]
    assert urls == ["https://api.openai.com/v1", "https://api.anthropic.com"]


def test_sdk_variables_decide_the_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:1/v1/")
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "http://127.0.0.1:2")
    monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", "http://127.0.0.1:3")
    urls = [resolve(m).base_url for m in ("gpt-4.1", "claude-x", "bedrock/m")]
    assert urls == ["http://127.0.0.1:1/v1", "http://127.0.0.1:2", "http://127.0.0.1:3"]


@pytest.mark.parametrize(
    ("model_id", "variable"),
    [
        ("gpt-4.1", "OPENAI_API_KEY"),
        ("claude-x", "ANTHROPIC_API_KEY"),
        ("openrouter/a/b", "OPENROUTER_API_KEY"),
        ("org/name", "OPENROUTER_API_KEY"),
        ("gemini/g", "GOOGLE_API_KEY"),
    ],
)
def test_a_missing_key_is_named(
    model_id: str, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    no_keys(monkeypatch)
    with pytest.raises(MissingKey, match=variable):
        check_keys([resolve("sim/steadfast"), resolve("m", URL), resolve(model_id)])
    monkeypatch.setenv(variable, "k")
    check_keys([resolve(model_id)])


def test_all_missing_keys_are_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    no_keys(monkeypatch)
    models = [resolve(name) for name in ("gpt-4.1", "claude-x", "gpt-4.1-nano")]
    with pytest.raises(MissingKey) as caught:
        check_keys(models)
    told = str(caught.value)
    assert "gpt-4.1, gpt-4.1-nano need the environment variable OPENAI_API_KEY" in told
    assert "claude-x needs the environment variable ANTHROPIC_API_KEY" in told
    assert "set them" in told and "\n" not in told


def test_a_blank_key_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    no_keys(monkeypatch)
    monkeypatch.setenv("OPENAI_API_KEY", "  \n")
    with pytest.raises(MissingKey, match="OPENAI_API_KEY"):
        check_keys([resolve("gpt-4.1")])


@pytest.mark.parametrize(
    ("model_id", "variable", "url"),
    [
        ("gpt-4.1", "OPENAI_API_KEY", None),
        ("claude-x", "ANTHROPIC_API_KEY", None),
        ("gemini/g", "GOOGLE_API_KEY", None),
        ("m", "INFERENCE_API_KEY", URL),
        ("bedrock/m", "AWS_SECRET_ACCESS_KEY", None),
    ],
)
@pytest.mark.parametrize("key", ["planted\nkey", "planted-kéy", "planted\x7f"])
def test_a_key_that_no_header_can_carry_is_refused(
    model_id: str, variable: str, url: str | None, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_keys(monkeypatch)
    monkeypatch.setenv(variable, key)
    with pytest.raises(PlumblineError, match=variable) as caught:
        check_keys([resolve(model_id, url)])
    assert "planted" not in str(caught.value)
    monkeypatch.setenv(variable, "planted-key")
    check_keys([resolve(model_id, url)])


def test_missing_aws_credentials_and_region_are_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    no_keys(monkeypatch)
    monkeypatch.setenv("AWS_CONFIG_FILE", f"{tmp_path}/none")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", f"{tmp_path}/none")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(MissingKey, match="AWS_ACCESS_KEY_ID"):
        check_keys([resolve("bedrock/m")])
    set_keys(monkeypatch)
    monkeypatch.delenv("AWS_REGION")
    with pytest.raises(MissingKey, match="AWS_REGION"):
        check_keys([resolve("bedrock/m")])


def test_several_ids_keep_their_order_and_none_is_there_twice() -> None:
    assert [m.label for m in resolve_all("gpt-4.1, claude-x,o3")] == ["gpt-4.1", "claude-x", "o3"]
    with pytest.raises(PlumblineError, match="twice"):
        resolve_all("gpt-4.1,o3,gpt-4.1")
    with pytest.raises(UnknownModel, match="--model_id"):
        resolve_all(" , ")


def test_a_key_in_the_query_of_a_url_is_refused() -> None:
    with pytest.raises(PlumblineError, match="contains credentials"):
        resolve("m", "http://127.0.0.1:1/v1?api_key=abc")
    assert resolve("m", "http://127.0.0.1:1/v1?api-version=2").base_url


def test_two_bedrock_regions_are_two_endpoints(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", raising=False)
    identities = []
    for region in ("us-east-1", "eu-west-1"):
        monkeypatch.setenv("AWS_REGION", region)
        monkeypatch.setenv("AWS_DEFAULT_REGION", region)
        identities.append(resolve("bedrock/us.amazon.nova-lite-v1:0").identity())
    assert identities[0] != identities[1]
