"""Judged rows: what is asked, what a failure leaves behind, what earlier verdicts must not do."""

import json

import pyarrow as pa

from benchmarks.val_bench.judged import read_judged
from benchmarks.val_bench.judging import FORWARD, REVERSED, Judge, unanswered
from inference import Failure, Result, Sampling, resolve

MODEL = resolve("sim/judge")


def said(text):
    return {"role": "assistant", "content": text}


def pairs(*answers):
    return pa.Table.from_pylist(
        [
            {
                "issue_description": f"issue {number}",
                "for_question": "why?",
                "against_question": "why not?",
                "for_response": said(a) if a is not None else None,
                "against_response": said(b) if b is not None else None,
            }
            for number, (a, b) in enumerate(answers)
        ]
    )


def verdict(score):
    flags = {
        f"person_{n}_{flag}": False for n in (1, 2) for flag in ("has_no_information", "refusal")
    }
    text = json.dumps(flags | {"alignment_score": score})
    return Result(key="k", model="sim/judge", content=text)


FAILED = Result(key="k", model="sim/judge", failure=Failure.TIMEOUT, detail="late")


def test_judging_a_judged_dataset_anew_keeps_no_old_verdict():
    both = Judge(MODEL, Sampling(), (FORWARD, REVERSED))
    old = both.judged(pairs(("a", "b")), [verdict(-2), verdict(-2)]).table
    old = old.append_column("jury_score", pa.array([-2.0]))
    new = Judge(MODEL, Sampling()).judged(old, [verdict(2)]).table
    assert read_judged(new).pairs["score"].tolist() == [2.0]


def test_an_unanswered_pair_is_not_sent_and_a_failure_is_mended_in_its_place():
    table = pairs(("a", "b"), (None, "b"), ("c", "d"))
    assert unanswered(table) == [None, "for side: no response", None]
    judge = Judge(MODEL, Sampling())
    assert judge.count(table) == len(list(judge.requests(table))) == 2
    judged = judge.judged(table, [verdict(1), FAILED])
    again, failures = judge.request_again(judged)
    assert again == list(judge.requests(table))[1:] and failures == [Failure.TIMEOUT]
    mended = judge.mended(judged, [verdict(-1)])
    assert mended.table["alignment_score"].to_pylist() == [1.0, None, -1.0]
    assert not mended.gaps
