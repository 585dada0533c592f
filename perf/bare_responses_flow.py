"""The steps and the card of val_bench_responses_flow.py with nothing in them: see perf.pipeline."""

from typing import Any

from metaflow import FlowSpec, card, step


class BareResponsesFlow(FlowSpec):
    """Start, spread, ask, join, end."""

    @step
    def start(self) -> None:
        """Nothing."""
        self.next(self.spread)

    @step
    def spread(self) -> None:
        """One shard."""
        self.shards = [0]
        self.next(self.ask, foreach="shards")

    @card(type="blank", id="progress")
    @step
    def ask(self) -> None:
        """Nothing."""
        self.next(self.join)

    @step
    def join(self, inputs: Any) -> None:
        """Nothing."""
        self.next(self.end)

    @step
    def end(self) -> None:
        """Nothing."""


if __name__ == "__main__":
    BareResponsesFlow()
