"""The ground every flow stands on: house rules for its steps, its package, its errors.

Every flow subclasses `PlumblineFlow`. A step that needs other resources, another time limit or
other retries says so itself: the rules here only fill in what a step leaves open.
"""

from __future__ import annotations

import atexit
import functools
import gc
import getpass
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from metaflow import (
    FlowMutator,
    FlowSpec,
    Parameter,
    package_sources,
    pypi_base,
    requirements_txt_parser,
    resources,
    retry,
    timeout,
)
from metaflow.exception import MetaflowException

from flows.parent import stop_with_parent
from flows.remote import find_place, publish
from flows.tags import tag_run
from inference.errors import PlumblineError
from inference.local import close_engines
from inference.secrets import load_env

# Metaflow wants a user's name and takes no root for an answer; a container has nobody else.
_USER = getpass.getuser()
os.environ.setdefault("USERNAME", _USER if _USER != "root" else "container")
# Progress bars are for terminals; a task's log is a file.
os.environ.setdefault("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")

ROOT = Path(__file__).parent.parent
_SHIPPED = ("data", "runs", "judges", "reporting", "requirements.txt", "pyproject.toml")
SHIPPED = [f"../{name}" for name in _SHIPPED]
_TEXTS = "py yaml yml json jsonl csv md txt html toml"
SHIPPED_SUFFIXES = [f".{kind}" for kind in _TEXTS.split()]
_TAGGED = ("start", "end")
"""Steps after which the run is tagged: a resumed run has no `start` of its own."""
ASKING_STEPS = ("ask",)
"""Steps whose name is or starts with one of these talk to models, and may be retried."""
LOCAL_STEP = "ask_local"
LOCAL_NEEDS = {"gpu": 1, "cpu": 8, "memory": 32768}
"""The step that holds local models, asks everything and judges its failures; what it needs."""


class InputError(MetaflowException):
    """Bad input, said in one line without a stack trace."""

    headline = "Plumbline"


class HouseRules(FlowMutator):
    """Resources, a time limit and retries for every step that has none of its own."""

    def pre_mutate(self, mutable_flow: Any) -> None:
        """Pin the environment, but only where one is asked for: elsewhere it breaks every run."""
        if "--environment=pypi" in sys.argv or _flag_value("--environment") == "pypi":
            pins = requirements_txt_parser((ROOT / "requirements.txt").read_text())
            mutable_flow.add_decorator(pypi_base, deco_kwargs=pins, duplicates=mutable_flow.IGNORE)

    def mutate(self, mutable_flow: Any) -> None:
        """Fill in what a step leaves open."""
        for name, step in mutable_flow.steps:
            asks, local = name.startswith(ASKING_STEPS), name == LOCAL_STEP
            needs = {"cpu": 2, "memory": 4096 if asks else 8192}
            rules: list[tuple[Callable[..., Any], dict[str, Any]]] = [
                (resources, LOCAL_NEEDS if local else needs),
                (timeout, {"hours": 24}),
            ]
            if asks:
                # Where a step's own failures end it, a second try would only pay again.
                tries = 0 if local else 2
                rules.append((retry, {"times": tries, "minutes_between_retries": 0}))
            for decorator, arguments in rules:
                step.add_decorator(decorator, deco_kwargs=arguments, duplicates=step.IGNORE)


def _flag_value(flag: str) -> str | None:
    if flag in sys.argv[:-1]:
        return sys.argv[sys.argv.index(flag) + 1]
    return None


@HouseRules
@package_sources(SHIPPED, suffixes=SHIPPED_SUFFIXES)
class PlumblineFlow(FlowSpec):
    """A flow of the suite."""

    results_dir = Parameter(
        "results_dir",
        help="folder or s3:// place for results instead of evaluation_results/<name>",
        default="",
    )

    def __init__(self, use_cli: bool = True) -> None:
        # What a process has imported lasts to its end, where the garbage collector would look
        # through all of it: a tenth of a second in each of a run's processes, more with an SDK.
        gc.freeze()
        atexit.register(gc.freeze)
        super().__init__(use_cli=use_cli)


Step = TypeVar("Step", bound=Callable[..., None])


def told_plainly(step_function: Step) -> Step:
    """Run a step with keys from .env, tied to the launcher's life, its errors said in one line.

    Local engines that it started are closed behind it, whatever became of it.

    Stands right below `@step`, above nothing else.
    """

    @functools.wraps(step_function)
    def run(self: Any, *inputs: Any) -> None:
        load_env()
        stop_with_parent()
        try:
            find_place()
            step_function(self, *inputs)
            publish()
            if step_function.__name__ in _TAGGED:
                tag_run(self)
        except PlumblineError as error:
            raise InputError(str(error)) from None
        except KeyboardInterrupt:
            asks = step_function.__name__.startswith(ASKING_STEPS)
            stored = " What was answered is stored, and not asked again." if asks else ""
            print(f"Interrupted; `resume` goes on.{stored}")
            raise
        finally:
            close_engines()

    return run  # type: ignore[return-value]
