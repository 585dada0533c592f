"""Keys: read from the environment and .env, and kept out of what is told and what is stored.

Out of errors from six characters on; out of answers only where a key can't be a word.
"""

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
NO_WORD = 16
"""A key of so many characters is no ordinary word. Local servers are often given one ("secret"),
which an answer may hold as well."""
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


def scrub(text: str, shortest: int = _SHORTEST) -> str:
    """`text` with the value of every known key replaced by the variable's name.

    Args:
        text: an error or a line of a log; with `NO_WORD` one that holds answers.
        shortest: keys with fewer characters are left.
    """
    for variable in SECRET_VARIABLES:
        value = os.environ.get(variable, "")
        for written in (value, value.strip()):
            if len(written.strip()) >= shortest:
                text = text.replace(written, f"[{variable}]")
    return text


def hub_token() -> str | None:
    """The Hugging Face token: HF_TOKEN, else HUGGING_FACE_HUB_TOKEN, else HUGGINGFACE_API_TOKEN."""
    for variable in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HUGGINGFACE_API_TOKEN"):
        if os.environ.get(variable):
            return os.environ[variable]
    return None
