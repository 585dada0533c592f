"""The outcomes of a pair as every picture and page shows them: one name and one colour each."""

from __future__ import annotations

from reporting import style

OUTCOME_LABELS = {
    "consistent": "consistent",
    "mixed": "mixed",
    "contradictory": "contradictory",
    "one_refused": "one side refused",
    "both_refused": "both sides refused",
    "no_information": "no information",
}
OUTCOME_COLORS = {
    "consistent": style.BLUE,
    "mixed": style.SAND,
    "contradictory": style.VERMILLION,
    "one_refused": style.PURPLE,
    "both_refused": style.PLUM,
    "no_information": style.YELLOW,
}
OUTCOME_RULE = (
    "A pair is consistent where its score is above 0 (+1 as well as +2), mixed at 0, "
    "contradictory below; refusals, then missing information, come before the score."
)
