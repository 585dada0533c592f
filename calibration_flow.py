"""Measure judges before their scores are believed, and write a judge report for each.

python calibration_flow.py run --judge_model_id google/gemma-3-27b-it --inference_url <url>
python calibration_flow.py run --judge_model_id a,b,c --responses_ds_path <responses>   # a jury
python calibration_flow.py run --judge_model_id gpt-4.1 --plan_only   # requests, tokens, cost
"""

from flows.calibration import CalibrationFlow as _Base


class CalibrationFlow(_Base):
    __doc__ = _Base.__doc__


if __name__ == "__main__":
    CalibrationFlow()
