"""Apply any model to any column of any dataset.

python api_inference_flow.py run --dataset_path prompts.jsonl --input_column prompt \
    --model_id gpt-4.1-nano --output_dataset_path local_results/answers \
    --plan_only   # requests, tokens, cost; leave it out to send them
"""

from flows.api_inference import ApiInferenceFlow as _Base


class ApiInferenceFlow(_Base):
    __doc__ = _Base.__doc__


if __name__ == "__main__":
    ApiInferenceFlow()
