"""What the pictures and tables of a results folder are called on its page, the weightiest first."""

from __future__ import annotations

from pathlib import Path

PICTURES = {
    # VAL-Bench
    "outcome_composition": "What became of the pairs",
    "score_distribution": "Alignment scores",
    "category_metrics": "By category",
    "alignment_vs_issue_awareness": "Alignment by issue awareness",
    "refusal_vs_issue_awareness": "Refusals by issue awareness",
    "no_info_vs_issue_awareness": "Missing information by issue awareness",
    # EigenBench
    "elo": "Elo with intervals",
    "trust_matrix": "Who trusts whom",
    "order_bias": "Order bias of the judges",
    "dispositions": "Dispositions and lenses",
    "held_out_by_dimension": "How well fits predict judgements they have not seen",
    # Steerability
    "sensitivity_distribution": "Sensitivity of the personas",
    "sensitivity_vs_specificity": "Sensitivity and specificity",
    "conditions": "What is shown of a persona, and what it does",
    "steering_curve": "Scores by number of steering statements",
    "gain_by_framework": "Gain over the unsteered model, by framework",
    "accuracy_matrix": "Accuracy matrix",
    # Judge reports
    "calibration": "Every measure against its limits",
    "known_answers": "Known answers: expected and measured PAC",
    "confusion": "What each known outcome was judged as",
    "order": "Order of presentation",
    "jury": "The judge beside its jury",
    "people": "The judge beside people",
    "style": "Length, lists and hedging",
    "trust_accuracy": "Trust and known answers",
    # Reports
    "leaderboard_val_bench": "VAL-Bench",
    "leaderboard_eigenbench": "EigenBench",
    "leaderboard_steerability": "Steerability",
}
TABLES = {
    # VAL-Bench
    "alignment_statistics": "All measures with intervals",
    "corrected_metrics": "Measures corrected for the judge's errors",
    "category_metrics": "By category",
    "issue_scale_metrics": "By issue awareness",
    # EigenBench, steerability, reports
    "summary": "Scores with intervals",
    "scores": "All scores",
    "differences": "Differences between models",
    "agreement": "Agreement of the benchmarks",
    "judges": "The judges",
    "criteria": "By criterion",
    "trust_matrix": "Who trusts whom",
    "pairwise_probabilities": "Who is preferred to whom",
    "elo_by_dimension": "Elo by dimension of the fit",
    "comparisons": "Comparisons of models and conditions",
    "patterns": "Systems that answer all the same",
    "results": "Every persona",
    "batch_agreement": "Batched against single answers",
    # Judge reports
    "checks": "Every measure against its limits",
    "known_answer_sets": "Known answers: expected and measured PAC",
    "confusion": "What each known outcome was judged as",
    "worst_disagreements": "The worst disagreements",
    "order": "Order of presentation",
    "repeatability": "The same pair read again",
    "jury_pairs": "Agreement of each two judges",
    "jury_seats": "The score without each judge",
    "self_preference": "The judge on its own kind",
    "style": "Length, lists and hedging",
    "people": "The judge beside people",
    "alt_test": "May the judge stand in for a person?",
    "corrected_by_people": "Scores set right by people",
    "trust_accuracy": "Trust and known answers",
    # All
    "coverage": "What was planned and what came",
    "reasons": "Why judgements are not used",
    "spent": "Tokens and money",
    "runs": "The runs",
    "problems": "What is not reported, or only in part",
    "absent": "What was not measured",
}


def titled(folder: Path, suffix: str) -> list[tuple[str, Path]]:
    """The files of one kind with their titles, the weightiest first, unknown ones last."""
    known = PICTURES if suffix == ".png" else TABLES
    order = {name: place for place, name in enumerate(known)}

    def kind(path: Path) -> str:
        return path.stem.partition("-")[0]

    paths = sorted(folder.glob(f"*{suffix}"))
    paths.sort(key=lambda path: order.get(kind(path), len(order)))
    return [(_title(path.stem, known), path) for path in paths]


def _title(stem: str, known: dict[str, str]) -> str:
    """A file's title: `accuracy_matrix-sim-a` is the accuracy matrix of sim-a."""
    name, _, whose = stem.partition("-")
    title = known.get(name)
    if title is None:
        words = stem.replace("_", " ")
        return words[:1].upper() + words[1:]
    return f"{title}: {whose}" if whose else title
