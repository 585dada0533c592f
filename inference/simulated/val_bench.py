"""Simulated answerers of VAL-Bench's leading "Explain why ..." questions.

A question is on the denial side where it holds a marker word (`stance_language.MARKERS`); of a
pair, one question is and the other is not. A model has a `Temper`: whether it keeps its leaning,
goes along with whatever is asked, hedges, declines, or does not know.

Method of the benchmark: Gupta, O'Shea, Barez, "VAL-Bench", arXiv 2510.05465.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from inference.simulated.draws import Draws
from inference.simulated.reading import Messages, content_words, last_user
from inference.simulated.stance_language import (
    CUES,
    NO_INFORMATION,
    REFUSALS,
    affirmation,
    denial,
    denies,
)


@dataclass(frozen=True)
class Temper:
    """How a simulated model deals with a leading question.

    Attributes:
        affirms: the one leaning it has on every issue: to affirm the claim, or to deny it.
        yields: probability of going along with a question against its leaning.
        declines_for: probability of declining a question that affirms the claim.
        declines_against: probability of declining a question that denies the claim.
        hedges: holds its leaning only partly where the question goes against it.
        informed: False says of every question that the information is lacking.
        rounds: how often it goes through its reasons.
    """

    affirms: bool = True
    yields: float = 0.0
    declines_for: float = 0.0
    declines_against: float = 0.0
    hedges: bool = False
    informed: bool = True
    rounds: int = 1


@dataclass(frozen=True)
class Question:
    """A leading question, read.

    Attributes:
        claim: what it asks to explain, without "Explain why" and the final stop.
        denying: it is on the denial side.
        subject: what the claim is about, in its own words.
        first: a content word of the claim; `second` is another, where there are two.
    """

    claim: str
    denying: bool
    subject: str
    first: str
    second: str


_LEAD = re.compile(r"(?:^|[.:!?]\s)\W*(?:please\s+)?(?:explain\s+)?why\s+", re.IGNORECASE)
_NEXT_SENTENCE = re.compile(r"(?<!\b[A-Z])(?<!\b[DMS][rts])[.?!][\"”’]?\s+(?=[A-Z])")
_STOP = re.compile(r"[?!]|\.(?!\d)")
_VERB = re.compile(
    r"\b(?:should|must|can|could|would|will|is|are|was|were|has|have|does|do|may|might|ought|"
    r"cannot|shall|needs?)\b",
    re.IGNORECASE,
)
_EMPTY_SUBJECTS = ("it", "there", "this", "that", "these", "those", "we", "they", "you", "one", "i")
_AFTER_HELPER = re.compile(
    r"\b(?:should|must|can|could|would|will|may|might|to|not|cannot|never|ought to|let|we|they)"
    r"(?=\s+(?:not\s+|be\s+)?([\w’'-]+))",
    re.IGNORECASE,
)

_OPENINGS = (
    "Few questions about {first} come without a long argument behind them.",
    "Debates about {subject} tend to mix facts with what people hope for.",
    "It helps to separate what is known about {first} from what is wished for.",
    "When people argue over {first} and {second}, they often talk past one another.",
    "This is a subject on which thoughtful people differ, and {first} is a good place to begin.",
    "Any answer about {subject} has to start from the people it touches.",
    "The discussion about {second} has moved a good deal in recent years.",
)
_CONCESSIONS = (
    "The question takes it as settled that {claim}, and I can see why someone would say so.",
    'One often hears it said that "{claim}", and the worry behind it deserves an answer.',
    "Those who say that {claim} point to real experiences, and I do take them seriously.",
)
_REASONS = (
    "The people closest to {first} live with the outcome every day, and their experience counts.",
    "Where different arrangements for {second} have been tried, the results point one way.",
    "Costs matter too: what is spent on {first} is missing somewhere else.",
    "Then there is trust: no rule about {subject} lasts unless people see it as fair.",
    "Small communities and large institutions meet {first} differently, yet both have a stake.",
    "A rule about {second} has to be judged by its effects over a generation as much as today.",
    "History gives several examples in which {first} turned out to matter more than expected.",
    "Freedom and responsibility pull in the same direction once {second} has been thought through.",
    "Those with the least power are usually the first to feel a change in {first}.",
    "Experts on {second} disagree on details but share the broad picture.",
    "It is worth asking who bears the burden of getting {subject} badly wrong.",
    "A fair look at {first} weighs the quiet benefits along with the visible losses.",
)
_NEUTRAL = (
    "Some stress what {first} has given to those who depend on it.",
    "Others point to the price that has been paid for {second}.",
    "The evidence about {subject} can be read in more than one way.",
    "Much depends on which values a reader puts first.",
    "Advocates speak of dignity and order, critics of cost and consequence.",
    "Each camp has careful studies about {first} on its side.",
)
_REFUSAL_ENDINGS = (
    "{refusal} on whether {claim_or_reverse}.",
    "{refusal} here, because the choice belongs to those who live with {first}.",
    "{refusal} on {subject}; readers can weigh the arguments for themselves.",
    "{refusal} in this debate.",
)
_UNKNOWN_ENDINGS = (
    "{unknown} about {subject} to come to a judgement.",
    "{unknown} on {first} and {second}, so anything I said would be a guess.",
    "{unknown} that this would need, and I know of no source on {first} to lean on.",
)


def read(messages: Messages) -> Question | None:
    """Read the last user message as a leading "Explain why ..." question; None if it is none."""
    text = " ".join(last_user(messages).split())
    if not (lead := _LEAD.search(text)):
        return None
    claim = _NEXT_SENTENCE.split(text[lead.end() :], maxsplit=1)[0]
    # Inner stops ("U.S.") would end the conclusion early for whoever reads it sentence by sentence.
    claim = " ".join(_STOP.sub("", claim).split())
    if not claim:
        return None
    subject = claim[: verb.start()].strip() if (verb := _VERB.search(claim)) else ""
    if subject.lower() in _EMPTY_SUBJECTS or not 0 < len(subject.split()) <= 8:
        subject = ""
    first, second = _topics(claim, subject)
    return Question(claim, denies(claim), subject or f"{first} and {second}", first, second)


def _topics(claim: str, subject: str) -> tuple[str, str]:
    """Two content words of a claim that read well as nouns: none that follows a helping verb."""
    verbs = {word.lower() for word in _AFTER_HELPER.findall(claim)}
    plain = affirmation(claim)
    topics = [word for word in content_words(plain) if word.lower() not in verbs and word in claim]
    topics = sorted(topics, key=len, reverse=True) or ["this matter"]
    first = next((word for word in topics if word in subject), topics[0])
    second = next((word for word in topics if word != first), "its effects")
    return first, second


def respond(temper: Temper, question: Question, draws: Draws) -> str:
    """Answer a leading question in one or two paragraphs."""
    declines = draws.chance(temper.declines_against if question.denying else temper.declines_for)
    yields = draws.chance(temper.yields)
    if not temper.informed:
        return _without_conclusion(question, _UNKNOWN_ENDINGS, draws)
    if declines:
        return _without_conclusion(question, _REFUSAL_ENDINGS, draws)
    if yields or question.denying != temper.affirms:
        return _with_conclusion(question, question.claim, draws, temper.rounds)
    conclusion = affirmation(question.claim) if temper.affirms else denial(question.claim)
    if temper.hedges:
        conclusion = draws.pick(("to some extent ", "at least partly, ")) + conclusion
    return _with_conclusion(question, conclusion, draws, temper.rounds, against_the_question=True)


def _with_conclusion(
    question: Question,
    conclusion: str,
    draws: Draws,
    rounds: int,
    *,
    against_the_question: bool = False,
) -> str:
    """Prose that argues for, and once states, the conclusion."""
    sentences = [draws.pick(_OPENINGS)]
    if against_the_question:
        sentences.append(draws.pick(_CONCESSIONS))
    for _ in range(rounds):
        sentences += draws.some(_REASONS, 2 + int(draws.uniform() * 3))
    body = [sentence.format_map(vars(question)) for sentence in sentences]
    cue = draws.pick(CUES)
    return _paragraphs(body, f"{cue} {conclusion}.", draws)


def _without_conclusion(question: Question, endings: tuple[str, ...], draws: Draws) -> str:
    """Prose that lays out the matter and takes no side."""
    sentences = [draws.pick(_OPENINGS), *draws.some(_NEUTRAL, 1 + int(draws.uniform() * 3))]
    words = vars(question) | {
        "refusal": draws.pick(REFUSALS),
        "unknown": draws.pick(NO_INFORMATION),
        "claim_or_reverse": affirmation(question.claim),
    }
    body = [sentence.format_map(words) for sentence in sentences]
    return _paragraphs(body, draws.pick(endings).format_map(words), draws)


def _paragraphs(body: list[str], ending: str, draws: Draws) -> str:
    """Set the ending last, or now and then first, and break longer answers into two paragraphs."""
    sentences = [ending, *body] if draws.chance(0.2) else [*body, ending]
    sentences = [s[0].upper() + s[1:] for s in sentences]
    if len(sentences) < 4 or draws.chance(0.3):
        return " ".join(sentences)
    middle = len(sentences) // 2
    return " ".join(sentences[:middle]) + "\n\n" + " ".join(sentences[middle:])
