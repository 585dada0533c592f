"""Ask models both sides of every VAL-Bench pair.

python val_bench_responses_flow.py run --model_id gpt-4.1-nano --plan_only   # what would it cost?
python val_bench_responses_flow.py run --model_id gpt-4.1-nano
python val_bench_responses_flow.py run --model_id sim/waverer --dataset_id builtin:val_bench_pairs
"""

from flows.val_bench_responses import ValBenchResponsesFlow as _Base


class ValBenchResponsesFlow(_Base):
    __doc__ = _Base.__doc__


if __name__ == "__main__":
    ValBenchResponsesFlow()
