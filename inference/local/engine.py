"""One vLLM engine: a base model and all its adapters, stepped by whoever owns it.

Not safe for several threads.
"""

from __future__ import annotations

import gc
import json
import os
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from inference.errors import PlumblineError
from inference.local.base import Base
from inference.local.guard import Guard, child_processes
from inference.local.loras import Loaded, Loras
from inference.local.options import check_names
from inference.local.prompts import (
    ADAPTER_CHAT,
    TRANSCRIPT,
    TRANSCRIPT_STOPS,
    folded,
    split_thinking,
    template_arguments,
    transcript,
)
from inference.local.report import EngineReport
from inference.models import ModelRef
from inference.providers.base import Reply, RequestFailed, one_line, without_none
from inference.request import Request
from inference.result import Failure, Usage


class EngineDied(Exception):
    """The engine is gone; what it was working on can be given to a new one."""


class Finished(NamedTuple):
    """A request that has left the engine, under the number that `Engine.add` gave."""

    number: str
    outcome: Reply | RequestFailed


class Engine:
    """A live vLLM engine.

    Attributes:
        base: what it serves.
        capacity: requests that it should hold, so that its batches are always full.
        report: what it has done.
    """

    def __init__(self, base: Base, adapters: Sequence[ModelRef]) -> None:
        """Start it for the base and `adapters` (models with an adapter on that base).

        Raises:
            PlumblineError: it can't be started; the reason in one line.
        """
        started = time.monotonic()
        os.environ.setdefault("VLLM_LOGGING_LEVEL", "WARNING")
        self.base = base
        self._working: dict[str, tuple[Request, str]] = {}
        self._loras = Loras(base, adapters)
        others = child_processes()
        # vLLM collects garbage many times on its way up and down; what is there already (modules,
        # most of all) need not be looked through each time. Its clean-up thaws it.
        gc.freeze()
        self._llm = self._start()
        self._engine = self._llm.llm_engine
        self._guard = Guard(self._engine.engine_core, child_processes() - others)
        self._defaults = dict(self._llm.model_config.get_diff_sampling_param())
        config = self._engine.vllm_config
        self.capacity = 2 * config.scheduler_config.max_num_seqs
        loras = self._loras
        self._slots = config.lora_config.max_loras if loras.ready else 0
        self.report = EngineReport(base.name, loras.ready, self._slots, loras.rank, loras.used)
        self.report.start_seconds = time.monotonic() - started

    def _start(self) -> Any:
        options = json.loads(self.base.options)
        try:
            from vllm import LLM

            check_names(options)
            return LLM(**self._arguments(options))
        except PlumblineError:
            raise
        except Exception as error:
            raise PlumblineError(
                f"the vLLM engine for {self.base.name} can't be started "
                f"({type(error).__name__}: {one_line(str(error))}); see the log above, and "
                "--vllm_options"
            ) from error

    def _arguments(self, options: dict[str, Any]) -> dict[str, Any]:
        arguments: dict[str, Any] = {
            "model": self.base.name,
            # A free choice of whitespace lets a model fill its whole answer with it.
            "structured_outputs_config": {"backend": "xgrammar", "disable_any_whitespace": True},
        }
        if not Path(self.base.name).is_absolute():
            arguments |= {"revision": self.base.revision, "tokenizer_revision": self.base.revision}
        return arguments | options | self._loras.arguments(options)

    def group(self, model: ModelRef) -> int:
        """See `Loras.group`."""
        return self._loras.group(model, self._slots)

    def fits(self, model: ModelRef) -> bool:
        """See `Loras.fits`."""
        return self._loras.fits(model, self._slots)

    def add(self, request: Request) -> str:
        """Queue a request; returns the number under which `step` will report it.

        Raises:
            RequestFailed: the request can't be served: its adapter, its length, its schema.
            EngineDied: the engine broke.
        """
        loaded = self._loras.load(request.model, self._engine)
        prompt = json.loads(request.model.engine or "{}").get("prompt")
        try:
            params = self._params(request, prompt)
            number = self._enqueue(request, prompt, params, loaded)
        except Exception as error:
            from vllm.v1.engine.exceptions import EngineDeadError

            if isinstance(error, EngineDeadError):
                raise EngineDied(one_line(str(error))) from error
            raise RequestFailed(Failure.BAD_REQUEST, str(error), counts=False) from None
        internal, external = number, number.split("-", 1)[0]
        self._working[external] = (request, internal)
        return external

    def _enqueue(self, request: Request, prompt: str | None, params: Any, loaded: Loaded) -> str:
        common = {"sampling_params": params, "lora_request": loaded.handle, "use_tqdm": False}
        if prompt == TRANSCRIPT:
            return self._llm.enqueue([transcript(request.messages)], **common)[0]
        common["chat_template_kwargs"] = template_arguments(request.sampling.thinking)
        if prompt == ADAPTER_CHAT:
            common["chat_template"] = loaded.template
        turns = [message._asdict() for message in request.messages]
        try:
            return self._llm.enqueue_chat([turns], **common)[0]
        except Exception as error:
            if "system" not in str(error).lower() or turns[0]["role"] != "system":
                raise
            return self._llm.enqueue_chat([folded(request.messages)], **common)[0]

    def step(self) -> list[Finished]:
        """Let the engine work a little; the requests that have ended.

        Raises:
            EngineDied: it broke; every request in it is lost.
        """
        before = time.monotonic()
        try:
            outputs = self._engine.step()
        except Exception as error:
            raise EngineDied(f"{type(error).__name__}: {one_line(str(error))}") from error
        finished = [self._finished(output) for output in outputs if output.finished]
        self.report.busy_seconds += time.monotonic() - before
        return [f for f in finished if f is not None]

    def abort(self, number: str) -> None:
        """Forget a request that nobody waits for any more."""
        _, internal = self._working.pop(number, (None, None))
        if internal is not None:
            self._engine.abort_request([internal], internal=True)

    def close(self) -> None:
        """Stop the engine and give its memory back."""
        with suppress(Exception):
            self._engine.engine_core.shutdown()
        self._guard.release()
        del self._llm, self._engine
        with suppress(Exception):
            from vllm.distributed.parallel_state import cleanup_dist_env_and_memory

            # Collects garbage too: what is left of the engine holds the GPU's memory.
            cleanup_dist_env_and_memory()

    # Prompts and answers ---------------------------------------------------------------------

    def _params(self, request: Request, prompt: str | None) -> Any:
        """The sampling asked for, over what the model's own generation_config says."""
        from vllm.sampling_params import SamplingParams, StructuredOutputsParams

        sampling, schema = request.sampling, request.schema
        budget = sampling.thinking_budget if sampling.thinking else 0
        asked = without_none(
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            max_tokens=sampling.max_tokens + budget,
            thinking_token_budget=budget if budget and self._parser_name else None,
            seed=None if sampling.seed is None else _own_seed(request, sampling.seed),
            structured_outputs=StructuredOutputsParams(json=schema.json_text) if schema else None,
            stop=TRANSCRIPT_STOPS if prompt == TRANSCRIPT else None,
        )
        return SamplingParams.from_optional(**(self._defaults | asked))

    @property
    def _parser_name(self) -> str:
        return self._engine.vllm_config.structured_outputs_config.reasoning_parser

    def _finished(self, output: Any) -> Finished | None:
        request, _ = self._working.pop(output.request_id, (None, None))
        if request is None:
            return None
        try:
            return Finished(output.request_id, self._outcome(request, output))
        except Exception as error:
            # A reasoning parser can break on one answer; that must not cost the others.
            detail = f"the answer can't be read: {type(error).__name__}: {one_line(str(error))}"
            return Finished(output.request_id, RequestFailed(Failure.SERVER_ERROR, detail))

    def _outcome(self, request: Request, output: Any) -> Reply | RequestFailed:
        answer = output.outputs[0]
        usage = self._usage(output, answer)
        if answer.finish_reason not in ("stop", "length"):
            detail = f"vLLM ended the request with '{answer.finish_reason}'"
            return RequestFailed(Failure.SERVER_ERROR, detail, retryable=True)
        reasoning, text = self._split(answer.text)
        if reasoning:
            spent = len(self._llm.get_tokenizer().encode(reasoning, add_special_tokens=False))
            usage = usage._replace(reasoning=min(spent, usage.output))
        if json.loads(request.model.engine or "{}").get("prompt") == TRANSCRIPT:
            text = text.strip()
        return Reply(text, answer.finish_reason, answer.finish_reason, usage, reasoning)

    def _usage(self, output: Any, answer: Any) -> Usage:
        usage = Usage(
            input=len(output.prompt_token_ids or ()),
            output=len(answer.token_ids),
            cached=output.num_cached_tokens or 0,
        )
        self.report.requests += 1
        self.report.usage = self.report.usage.plus(usage)
        return usage

    def _split(self, text: str) -> tuple[str | None, str]:
        """Reasoning and answer, by the engine's reasoning parser where it was given one."""
        if not self._parser_name:
            return split_thinking(text)
        from vllm.entrypoints.openai.chat_completion.protocol import ChatCompletionRequest
        from vllm.reasoning import ReasoningParserManager

        parser = ReasoningParserManager.get_reasoning_parser(self._parser_name)
        asked = ChatCompletionRequest(messages=[], model=self.base.name)
        reasoning, answer = parser(self._llm.get_tokenizer()).extract_reasoning(text, asked)
        return reasoning, answer or ""


def _own_seed(request: Request, seed: int) -> int:
    """A seed for this very request: repetitions and re-asked answers must be other draws."""
    return (int(request.key[:12], 16) + seed) % 2**31
