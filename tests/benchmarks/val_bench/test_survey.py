"""Responses: both sides of a pair in one row, and failures mended where they stood."""

import pyarrow as pa

from benchmarks.val_bench.survey import Survey
from inference import Failure, Result, Sampling, resolve

SURVEY = Survey(resolve("sim/waverer"), Sampling(), "be honest", num_samples=2)
PAIRS = pa.table(
    {
        "issue_description": ["i", "j"],
        "for_question": ["why i?", "why j?"],
        "against_question": ["why not i?", "why not j?"],
        "when": pa.array([1, 2], pa.timestamp("ns")),
        "kind": pa.array(["x", "y"]).dictionary_encode(),
    }
)


def answer(text):
    return Result(key="k", model="sim/waverer", content=text)


FAILED = Result(key="k", model="sim/waverer", failure=Failure.TIMEOUT, detail="late")


def test_failures_are_asked_again_and_mended_where_they_stood():
    requests = list(SURVEY.requests(PAIRS))
    results = [answer(str(number)) for number in range(8)]
    results[3] = results[6] = FAILED
    answers = SURVEY.answers(PAIRS, results)
    assert answers.table["sample"].to_pylist() == [0, 1, 0, 1]
    again, failures = SURVEY.request_again(answers)
    assert again == [requests[3], requests[6]] and set(failures) == {Failure.TIMEOUT}

    mended = SURVEY.mended(answers, [answer("mended"), None])
    rows = mended.table.to_pylist()
    assert rows[1]["against_response"]["content"] == "mended"
    assert rows[1]["against_response_error"] is None
    assert rows[3]["for_response"] is None and rows[3]["for_response_error"] == "timeout: late"
    assert [gap.row for gap in mended.gaps] == [3]
    assert mended.table.schema == answers.table.schema, "columns of the user's pass through"
