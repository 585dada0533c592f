"""Let models judge each other under a constitution, and rank them by whom they trust.

python eigenbench_flow.py run --spec runs/demo/spec.yaml --plan_only   # requests, tokens, cost
python eigenbench_flow.py run --spec runs/demo/spec.yaml
python eigenbench_flow.py run --spec runs/demo/spec.yaml --evaluations_path evaluations.jsonl
"""

from flows.eigenbench import EigenBenchFlow as _Base


class EigenBenchFlow(_Base):
    __doc__ = _Base.__doc__


if __name__ == "__main__":
    EigenBenchFlow()
