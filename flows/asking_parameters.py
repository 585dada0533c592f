"""The parameters that every flow that asks models has, and what is refused of them."""

from __future__ import annotations

import asyncio
import math
from typing import Any

from metaflow import Parameter

from benchmarks.bounds import MOST_DRAWS
from flows.base import PlumblineFlow
from flows.files import file_parameter
from flows.parent import is_remote
from flows.plan_parameter import check_keys_for
from inference import ModelRef
from inference.batch_api.api import check_batchable
from inference.errors import PlumblineError
from inference.local import require_vllm
from inference.models import resolve, resolve_all
from inference.rules import check_supported
from inference.store import DEFAULT_ROOT, open_store
from inference.usage import PriceList, load_prices, parse_prices
from tables.located import located

REQUESTS_PER_SHARD = 20_000
MOST_SHARDS = 16
EXECUTIONS = ("live", "batch_api")
_AT_LEAST_ONE = (
    "batch_size",
    "request_timeout",
    "max_tokens",
    "num_samples",
    "n_resamples",
)
_DRAWS = ("n_resamples", "n_bootstraps")
_NOT_NEGATIVE = (
    "limit",
    "num_shards",
    "requests_per_minute",
    "tokens_per_minute",
    "max_cost",
    "temperature",
)


class AskingParameters(PlumblineFlow):
    """Whom to ask, how hard, at what cost.

    Attributes:
        local_models: the models that run in this flow's own tasks; `check_models` sets it.
        paying_run: a name for this run that all its attempts share; `check_asking` sets it.
        plan_sends: whether even `--plan_only` asks models something.
    """

    plan_sends = False
    local_models: tuple[ModelRef, ...]
    paying_run: str

    inference_url = Parameter(
        "inference_url",
        help="an OpenAI-compatible endpoint, e.g. http://0.0.0.0:8000/v1",
        default="",
    )
    num_shards = Parameter(
        "num_shards", help="tasks to spread the requests over (0: one per 20,000)", default=0
    )
    vllm_options = Parameter(
        "vllm_options",
        help='engine options of local models as JSON, e.g. {"max_model_len": 8192}',
        default="",
    )
    max_failure_rate = Parameter(
        "max_failure_rate", help="share of requests that may fail", default=0.01
    )
    request_timeout = Parameter("request_timeout", help="seconds for one request", default=600.0)
    requests_per_minute = Parameter(
        "requests_per_minute", help="cap for each model (0: none)", default=0.0
    )
    tokens_per_minute = Parameter(
        "tokens_per_minute", help="cap for each model (0: none)", default=0.0
    )
    max_cost = Parameter(
        "max_cost",
        help="stop sending at so many dollars, over all retries and resumes of a run (0: none); "
        "another `run` starts from zero",
        default=0.0,
    )
    prices_path = file_parameter("prices_path", help="price list, else data/prices.yaml")
    store_path = Parameter(
        "store_path", help="folder or s3:// prefix of the response store", default=DEFAULT_ROOT
    )
    execution = Parameter(
        "execution",
        help="live, or batch_api: OpenAI's and Anthropic's batch endpoints at half price",
        default="live",
    )
    fresh = Parameter(
        "fresh",
        help="ask anew instead of using answers of earlier runs",
        is_flag=True,
        default=False,
    )

    def model_of(self, model_id: str) -> ModelRef:
        """The model that an id names, under this run's endpoint and engine options."""
        return resolve(model_id, self.inference_url or None, self.vllm_options)

    def models_of(self, model_ids: str) -> list[ModelRef]:
        """The models of a comma-separated list of ids."""
        return resolve_all(model_ids, self.inference_url or None, self.vllm_options)

    def prices(self) -> PriceList:
        """The user's price list, else the built-in one."""
        if self.prices_path is None:
            return load_prices()
        return parse_prices(self.prices_path, "--prices_path")

    def check_asking(self) -> None:
        """Refuse impossible settings before anything is spent."""
        for name in _AT_LEAST_ONE:
            self.check_number(name, 1, "1 or more")
        for name in _NOT_NEGATIVE:
            self.check_number(name, 0, "0 or more")
        for name in _DRAWS:
            draws = getattr(self, name, None)
            if draws is not None and draws > MOST_DRAWS:
                raise PlumblineError(f"--{name} is {draws}; it must be {MOST_DRAWS:,} or less")
        if self.execution not in EXECUTIONS:
            raise PlumblineError(
                f"--execution is '{self.execution}'; it is one of {', '.join(EXECUTIONS)}"
            )
        for name, least in (("max_failure_rate", 0.0), ("top_p", math.ulp(0.0))):
            value = getattr(self, name, 1.0)
            if not least <= value <= 1:
                raise PlumblineError(f"--{name} is {value}; it is a share between 0 and 1")
        self.paying_run = self.name_of_run()

    def check_number(self, name: str, least: float, wanted: str) -> None:
        """Refuse a parameter below `least` or not finite; fine where the flow has none."""
        value = getattr(self, name, None)
        if value is not None and not least <= value < math.inf:
            raise PlumblineError(f"--{name} is {value}; it must be {wanted}")

    def check_models(
        self, models: list[ModelRef], web_search: bool = False, thinking: bool = False
    ) -> None:
        """Refuse models that can't be asked so: no key, no price under a budget, no web search.

        Nor may the store be one that answers can't be kept in, even where it might hold them all:
        what has to be sent is known only later.
        """
        check_supported(models, web_search=web_search, thinking=thinking)
        prices = self.prices()
        for model in models:
            if self.max_cost:
                prices.must_have(model)
            if self.execution == "batch_api":
                check_batchable(model)
        check_keys_for(models, self.plan_sends or not getattr(self, "plan_only", False))
        check_store(located(self.store_path), models)
        self.local_models = tuple(model for model in models if model.provider == "vllm")
        # Under remote compute vLLM need only be there where the models run: `ask_local` says so.
        if self.local_models and not is_remote():
            require_vllm(self.local_models[0].label)

    def shards_for(self, requests: int) -> int:
        """How many tasks share `requests` requests: one where models run in it."""
        if self.local_models:
            return 1
        wanted = self.num_shards or math.ceil(requests / REQUESTS_PER_SHARD)
        return max(1, min(wanted, requests, self.num_shards or MOST_SHARDS))

    def name_of_run(self) -> str:
        """The run, or the run that it resumes."""
        current = _current()
        return f"{current.flow_name}-{current.origin_run_id or current.run_id}"

    def fresh_id(self) -> str:
        """What `--fresh` puts into request keys; kept by `start`, so that resume pays once."""
        current = _current()
        return str(current.origin_run_id or current.run_id) if self.fresh else ""


def check_store(location: str, models: list[ModelRef]) -> None:
    """Make sure that the answers of every model can be kept.

    Raises:
        StoreError: they can't: no space, no right to write, a name too long.
    """
    store = open_store(location)
    try:
        for model in models:
            store.check_writable(model)
    finally:
        asyncio.run(store.close())


def _current() -> Any:
    from metaflow import current

    return current
