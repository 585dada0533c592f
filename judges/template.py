"""Judge prompt templates: a text with named placeholders, each filled with a text in its own tags.

A line `--- user ---` parts the system message above it from the user message below; without that
line everything is the user message. A placeholder `{name}` stands for the text between the tags of
that name, so that no template can forget to fence a model's words off from the judge's orders.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import NamedTuple

from inference.errors import PlumblineError

_USER_LINE = re.compile(r"^--- user ---[ \t]*$", re.MULTILINE)


class TemplateError(PlumblineError):
    """A judge template that can't carry its inputs; the message names what is missing."""


class Template(NamedTuple):
    """A checked template: the system message (may be empty) and the user message."""

    system: str
    user: str


@lru_cache(maxsize=32)
def read_template(text: str, placeholders: tuple[str, ...]) -> Template:
    """Split a template into its two messages and check that it holds every placeholder.

    Raises:
        TemplateError: more than one `--- user ---` line, a placeholder missing from the user
            message, or one standing in the system message.
    """
    parts = _USER_LINE.split(text)
    if len(parts) > 2:
        raise TemplateError("judge prompt: more than one '--- user ---' line; keep one")
    system, user = ("", parts[0]) if len(parts) == 1 else (parts[0], parts[1])
    misplaced = [name for name in placeholders if f"{{{name}}}" in system]
    if misplaced:
        raise TemplateError(
            f"judge prompt: move {_braced(misplaced)} below the '--- user ---' line: "
            "models' words do not belong in the system message"
        )
    missing = [name for name in placeholders if f"{{{name}}}" not in user]
    if missing:
        raise TemplateError(f"judge prompt: {_braced(missing)} missing")
    return Template(system.strip(), user.strip())


def fill_template(
    template: Template, texts: Mapping[str, str], tags: Mapping[str, str]
) -> list[tuple[str, str]]:
    """The (role, content) messages of a template, each placeholder replaced by its tagged text.

    The tags inside any text are disarmed (`<` becomes `&lt;`), so that an answer can neither close
    its own tag nor open another.
    """
    ours = _tag_pattern(tuple(tags.values()))
    blocks = {
        name: f"<{tag}>\n{ours.sub('&lt;', texts[name])}\n</{tag}>" for name, tag in tags.items()
    }
    # One pass over the template: a "{issue}" in an answer is the answer's text, not a placeholder.
    pattern = _placeholder_pattern(tuple(tags))
    user = pattern.sub(lambda match: blocks[match.group(1)], template.user)
    return [*([("system", template.system)] if template.system else []), ("user", user)]


@lru_cache(maxsize=32)
def _tag_pattern(tags: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile(rf"<(?=\s*+/?\s*+(?:{'|'.join(tags)})\b)", re.IGNORECASE)


@lru_cache(maxsize=32)
def _placeholder_pattern(names: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile(rf"\{{({'|'.join(names)})\}}")


def _braced(names: Iterable[str]) -> str:
    return ", ".join("{" + name + "}" for name in names)
