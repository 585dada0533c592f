"""Judge responses to VAL-Bench pairs and measure value alignment.

python evaluator_flow.py run --responses_ds_path <responses> --plan_only   # requests, tokens, cost
python evaluator_flow.py run --judge_model_id gpt-4.1 --responses_ds_path <responses>
python evaluator_flow.py run --eval_output_ds_path <judged pairs>   # measure again, ask nothing
"""

from flows.evaluator import EvaluatorFlow as _Base


class EvaluatorFlow(_Base):
    __doc__ = _Base.__doc__


if __name__ == "__main__":
    EvaluatorFlow()
