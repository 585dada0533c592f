"""Keys: what could answer differently never shares one, what can't always does."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import fields, replace

from hypothesis import given
from hypothesis import strategies as st

from inference import Message, ModelRef, Request, Sampling, Schema

MODEL = ModelRef("m", "endpoint", "m", "http://127.0.0.1:1/v1")
TEXT = st.text(alphabet=st.characters(codec=None), max_size=12)
OPTIONAL = st.none() | TEXT
MODELS = st.builds(
    ModelRef,
    label=st.just("shown"),
    provider=st.sampled_from(["endpoint", "openai"]),
    name=TEXT,
    base_url=OPTIONAL,
    revision=OPTIONAL,
    adapter=OPTIONAL,
    adapter_revision=OPTIONAL,
)
NUMBERS = st.none() | st.sampled_from([0, 0.0, -0.0, 1, 1.0, 0.1, 0.10000000000000002])
SAMPLINGS = st.builds(
    Sampling,
    temperature=NUMBERS,
    top_p=NUMBERS,
    max_tokens=st.integers(1, 3),
    seed=st.none() | st.integers(0, 2),
    thinking=st.booleans(),
    thinking_budget=st.integers(1024, 1026),
    web_search=st.booleans(),
)
SCHEMAS = st.none() | st.builds(Schema, name=TEXT, json_text=TEXT, check=st.just(lambda _: None))
REQUESTS = st.builds(
    Request,
    model=MODELS,
    messages=st.lists(st.builds(Message, st.sampled_from(["system", "user"]), TEXT)).map(tuple),
    sampling=SAMPLINGS,
    schema=SCHEMAS,
    sample=st.integers(0, 12),
    attempt=st.integers(0, 12),
    fresh=TEXT,
)


@given(REQUESTS, REQUESTS)
def test_requests_share_a_key_only_when_they_are_equal(one: Request, other: Request) -> None:
    assert (one.key == other.key) == (one == other)


@given(REQUESTS, st.data())
def test_every_part_of_a_request_counts(request: Request, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from([f.name for f in fields(Request)]))
    other = replace(request, **{name: getattr(data.draw(REQUESTS), name)})
    assert (request.key == other.key) == (request == other)


@given(st.lists(TEXT, max_size=4), st.lists(TEXT, max_size=4))
def test_texts_can_not_run_into_each_other(one: list[str], other: list[str]) -> None:
    def key(texts: list[str]) -> str:
        return Request(MODEL, tuple(Message("user", text) for text in texts)).key

    assert (key(one) == key(other)) == (one == other)


def test_neighbouring_numbers_do_not_run_into_each_other() -> None:
    keys = {
        Request(MODEL, (), sample=s, attempt=a, fresh=f).key
        for s in range(13)
        for a in range(13)
        for f in ("", "1", "11")
    }
    assert len(keys) == 13 * 13 * 3


def test_seeds_that_no_float_tells_apart_are_two() -> None:
    keys = {Request(MODEL, (), Sampling(seed=2**53 + n)).key for n in range(4)}
    assert len(keys) == 4


def test_a_label_is_only_a_name() -> None:
    shown = replace(MODEL, label="another name")
    assert Request(MODEL, ()).key == Request(shown, ()).key


def test_keys_are_those_of_the_attempts_in_order() -> None:
    request = Request(MODEL, (Message("user", "why?"),))
    assert request.keys(3) == [replace(request, attempt=n).key for n in range(3)]
    assert request.key_for(2) == request.keys(3)[2]


def test_a_key_does_not_depend_on_the_process_or_on_what_came_before() -> None:
    script = (
        "from inference import *\n"
        "m = ModelRef('m', 'endpoint', 'm')\n"
        "def key(t): return Request(m, (Message('user', 'é'),), Sampling(temperature=t)).key\n"
    )

    def run(order: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", script + order], capture_output=True, text=True, check=True
        )
        return done.stdout.split()[-1]

    assert run("key(1); print(key(1.0))") == run("key(1.0); print(key(1))")
    assert run("key(0.0); print(key(-0.0))") == run("print(key(0))")


def test_repetitions_get_seeds_of_their_own() -> None:
    base = Request(MODEL, (), Sampling(seed=7))
    seeds = {replace(base, sample=s, attempt=a).draw_seed for s in range(20) for a in range(5)}
    assert len(seeds) == 100
    assert base.draw_seed == 7
    assert Request(MODEL, ()).draw_seed is None
