"""What prompts hold, and how a user's own system is loaded and driven."""

import asyncio
import sys
import types

import pytest

from benchmarks.steerability.builtin_systems import FewShot, RandomSystem, system_named
from benchmarks.steerability.data import Item, Observation, Persona
from benchmarks.steerability.drive import Waiting, answer_batches, make_ready
from benchmarks.steerability.errors import SteerabilityError
from benchmarks.steerability.systems import (
    PromptSteered,
    SteerableSystem,
    SteeredSystem,
    load_system,
    revived,
)

PERSONA = Persona("p1", "Temperaments", "Four humours.", "Sanguine")
SEEN = (
    Observation("I would sing in the street.", True),
    Observation("I would stay in.", False, "A party next door"),
)
ITEMS = [Item("t1", "I would dance."), Item("t2", "I would sleep.", "It is late")]


def prompt_of(name, persona, seen) -> PromptSteered:
    steered = system_named(name).steer(persona, seen)
    assert isinstance(steered, PromptSteered)
    return steered


def text_of(name, items=ITEMS):
    return [m.content for m in prompt_of(name, PERSONA, SEEN).messages(items)]


@pytest.mark.parametrize(
    ("name", "shows_name", "shows_seen"),
    [
        ("few_shot", False, True),
        ("few_shot_named", True, True),
        ("description_only", True, False),
        ("unsteered", False, False),
        ("few_shot_reversed", False, True),
    ],
)
def test_each_system_shows_what_its_name_says(name, shows_name, shows_seen):
    system = system_named(name)
    assert system.name == name and isinstance(system, SteerableSystem)
    shown = text_of(name)[0]
    assert ("Sanguine" in shown) is shows_name
    assert ("I would sing" in shown) is shows_seen
    assert ("A party next door" in shown) is shows_seen


def test_reversing_exchanges_the_labels():
    plain, turned = text_of("few_shot")[0], text_of("few_shot_reversed")[0]
    agreed = plain.split("disagrees with:")[0]
    assert "sing" in agreed and "stay in" not in agreed
    agreed = turned.split("disagrees with:")[0]
    assert "sing" not in agreed and "stay in" in agreed


def test_requests_of_a_persona_share_their_prefix():
    assert text_of("few_shot", ITEMS[:1])[0] == text_of("few_shot")[0]
    single, several = text_of("few_shot", ITEMS[1:])[1], text_of("few_shot")[1]
    assert '{"agree": true}' in single
    assert "<statement>[It is late] I would sleep.</statement>" in single
    assert '<statement id="S1">I would dance.</statement>' in several
    assert '<statement id="S2">[It is late] I would sleep.</statement>' in several
    assert "2 statements" in several


def test_unsteered_speaks_for_itself():
    steered = prompt_of("unsteered", None, ())
    assert "Do you agree" in steered.messages(ITEMS)[1].content
    # Few-shot with nothing to show is the same prompt, so its answers are the baseline's.
    assert FewShot(include_persona=False).steer(PERSONA, ()).messages(ITEMS) == steered.messages(
        ITEMS
    )


def test_braces_in_statements_do_no_harm():
    odd = [Item("t", 'I would write {x} and "{}".'), Item("u", "{0}")]
    assert '{x} and "{}"' in text_of("few_shot", odd)[1]


def test_random_is_fair_and_repeatable():
    items = [Item(f"t{i}", "") for i in range(2000)]
    steered = RandomSystem(1).steer(PERSONA, ())
    assert not isinstance(steered, PromptSteered)
    first = asyncio.run(steered.answers(items))
    assert first == asyncio.run(RandomSystem(1).steer(PERSONA, ()).answers(items))
    assert set(first.values()) == {True, False}
    assert abs(list(first.values()).count(True) / 2000 - 0.5) < 0.045  # 4 standard errors
    other = asyncio.run(RandomSystem(1).steer(PERSONA._replace(persona_id="p2"), ()).answers(items))
    assert first != other


class Remembering(SteeredSystem):
    """Learns slowly, keeps what it learned, and fails on one statement."""

    def __init__(self, persona, learned=None):
        self.persona, self.learned = persona, learned
        self.asked, self.prepared = 0, 0

    async def prepare(self):
        self.prepared += 1
        self.learned = {"likes": "dance"}

    async def is_ready(self):
        self.asked += 1
        return self.asked > 2

    async def answers(self, items):
        if any("sleep" in item.statement for item in items):
            raise ConnectionError("the line is dead\nvery")
        return {item.text_id: self.learned["likes"] in item.statement for item in items}

    def save_state(self):
        return self.learned


class Own:
    """A user's system."""

    name = "own"

    def __init__(self, depth=1):
        self.depth = depth

    def steer(self, persona, observations):
        return Remembering(persona)

    def restore(self, persona, observations, state):
        return Remembering(persona, state)


@pytest.fixture
def user_module():
    module = types.ModuleType("users_own_systems")
    vars(module).update(
        Own=Own,
        Nameless=type("N", (), {"steer": Own.steer}),
        Taken=type("T", (), {"steer": Own.steer, "name": "few_shot"}),
        NoSteer=type("S", (), {"name": "x"}),
    )
    sys.modules["users_own_systems"] = module
    yield
    del sys.modules["users_own_systems"]


def test_a_users_class_is_loaded_with_its_config(user_module):
    system = system_named("users_own_systems:Own", {"depth": 3})
    assert isinstance(system, Own) and system.depth == 3 and system.name == "own"


@pytest.mark.parametrize(
    ("path", "config", "message"),
    [
        ("no_such_module_x:Own", {}, "cannot import 'no_such_module_x'"),
        ("users_own_systems:Other", {}, "has no class 'Other'"),
        ("users_own_systems:Own", {"width": 1}, "does not take its config"),
        ("users_own_systems:NoSteer", {}, "no method steer"),
        ("users_own_systems:Nameless", {}, "needs an attribute `name`"),
        ("users_own_systems:Taken", {}, "of its own, not 'few_shot'"),
        ("Own", {}, "package.module:Class"),
    ],
)
def test_what_is_wrong_with_a_users_class_is_said_in_one_line(user_module, path, config, message):
    with pytest.raises(SteerabilityError, match=message) as error:
        load_system(path, config)
    assert "\n" not in str(error.value)


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(SteerabilityError, match="use few_shot, few_shot_named"):
        system_named("few_shots")


def test_driving_a_system_that_prepares_answers_and_fails_once():
    async def drive():
        steered, restored = revived(Own(), PERSONA, SEEN, None)
        state = await make_ready(steered, restored, Waiting(ready_pause=0.001))
        replies = await answer_batches(steered, [ITEMS[:1], ITEMS[1:], ITEMS[:1]])
        return steered, state, replies

    steered, state, replies = asyncio.run(drive())
    assert steered.prepared == 1 and steered.asked == 3 and state == {"likes": "dance"}
    assert [r.answers for r in replies] == [{"t1": True}, {}, {"t1": True}]
    assert replies[1].reason == "system_error: ConnectionError: the line is dead"


def test_a_restored_system_is_not_prepared_again():
    steered, restored = revived(Own(), PERSONA, SEEN, {"likes": "dance"})
    asyncio.run(make_ready(steered, restored, Waiting(ready_pause=0.001)))
    assert isinstance(steered, Remembering) and restored and steered.prepared == 0
    assert asyncio.run(answer_batches(steered, [ITEMS[:1]]))[0].answers == {"t1": True}


def test_a_system_that_is_never_ready_is_given_up():
    class Never(SteeredSystem):
        async def is_ready(self):
            return False

    with pytest.raises(SteerabilityError, match=r"Never was not ready within 0.05 s"):
        asyncio.run(make_ready(Never(), waiting=Waiting(0.01, 0.05)))


@pytest.mark.parametrize(
    ("given", "answers", "reason"),
    [
        ({"t1": True, "t9": False}, {"t1": True}, "no_answer"),
        ({"t1": True, "t2": "false"}, {"t1": True}, "not_boolean"),
        ({"t1": True, "t2": None}, {"t1": True}, "no_answer"),
        ({"t1": True, "t2": False}, {"t1": True, "t2": False}, ""),
        ([True, False], {}, "system_error: TypeError: answers() gave list, not a mapping"),
    ],
)
def test_what_a_system_gives_back_is_checked(given, answers, reason):
    class Gives(SteeredSystem):
        async def answers(self, items):
            return given

    reply = asyncio.run(answer_batches(Gives(), [ITEMS]))[0]
    assert reply.answers == answers and reply.reason == reason


@pytest.mark.parametrize("path", ["../x:Y", ".x:Y", "a/b:Y", "a b:Y", "x.py:Y", "x:", "a..b:Y"])
def test_a_path_that_is_no_module_is_one_line(path):
    with pytest.raises(SteerabilityError, match="steerable system"):
        load_system(path)
