"""Keys: read from the environment and .env, and kept out of every text that is stored."""

from __future__ import annotations

import os

SECRET_VARIABLES = (
    "OPENAI_API_KEY",
    "ANTHROPIC_API_KEY",
    "ANTHROPIC_AUTH_TOKEN",
    "OPENROUTER_API_KEY",
    "GOOGLE_API_KEY",
    "INFERENCE_API_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "HF_TOKEN",
    "HUGGING_FACE_HUB_TOKEN",
    "HUGGINGFACE_API_TOKEN",
)
_SHORTEST = 6


def load_env() -> None:
    """Add the keys of a .env beside the working folder; what is already set wins.

    The space around a key goes: it comes with copying, and no provider takes it.
    """
    from dotenv import find_dotenv, load_dotenv

    load_dotenv(find_dotenv(usecwd=True))
    for variable in SECRET_VARIABLES:
        value = os.environ.get(variable, "")
        if value != value.strip():
            os.environ[variable] = value.strip()


def scrub(text: str) -> str:
    """`text` with the value of every known key replaced by the variable's name."""
    for variable in SECRET_VARIABLES:
        value = os.environ.get(variable, "")
        for written in (value, value.strip()):
            if len(written.strip()) >= _SHORTEST:
                text = text.replace(written, f"[{variable}]")
    return text


def hub_token() -> str | None:
    """The Hugging Face token: HF_TOKEN, else HUGGING_FACE_HUB_TOKEN, else HUGGINGFACE_API_TOKEN."""
    for variable in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HUGGINGFACE_API_TOKEN"):
        if os.environ.get(variable):
            return os.environ[variable]
    return None
