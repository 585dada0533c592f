"""The sections of an EigenBench spec, each read into its dataclass or refused in one line.

EigenBench: A Comparative Behavioral Measure of Value Alignment, Chang et al., arXiv 2509.01938.
Keys, defaults and aliases are those of the published tool, with a few of our own.
"""

from __future__ import annotations

from benchmarks.bounds import MOST_DRAWS
from benchmarks.eigenbench.normalise import NORMALISATIONS
from benchmarks.eigenbench.options import MODELS, ORDER_HANDLINGS, PROCEDURES, Options, OptionsError
from benchmarks.eigenbench.plan import MODES
from benchmarks.eigenbench.samplers import SAMPLERS, SamplerError, SamplerSpec, check_spec
from benchmarks.eigenbench.section import Section, SpecError
from benchmarks.eigenbench.spec import (
    MAX_TOKENS,
    PHASE_KEYS,
    DatasetSpec,
    Generation,
    ModelSpec,
    RatingSpec,
)

_MODE_ALIASES = {"pairwise": "pairwise_btd", "btd": "pairwise_btd", "direct": "direct_rating"}
_SAMPLER_ALIASES = {
    "exhaustive": "all_to_all",
    "partitioned": "partitioned_random_judge",
    "random_partition": "partitioned_random_judge",
}
MOST_GROUPS = 10_000
"""Groups of judges for each scenario; the plan of more takes minutes, and its verdicts years."""
_FIT_BY_EPOCHS = ("lr", "weight_decay", "batch_size", "max_epochs", "device")


def models(top: Section) -> tuple[ModelSpec, ...]:
    entries = top.section("models")
    prompts = top.section("model_system_prompts")
    unknown = sorted(set(prompts.values) - set(entries.values))
    if unknown:
        raise SpecError(f"{prompts.name(unknown[0])}: no model has this name")
    models = tuple(_model(entries, name, prompts.text(name)) for name in entries.values)
    if len(models) < 2:
        raise SpecError(f"{entries.where}: EigenBench compares models; give at least two")
    if len({model.name for model in models}) < len(models):
        raise SpecError(f"{entries.where}: two display names differ by blanks only")
    return models


def _model(entries: Section, name: str, system_prompt: str) -> ModelSpec:
    if not name.strip():
        raise SpecError(f"{entries.where}: a display name is empty")
    if isinstance(entries.values[name], str):
        model = ModelSpec(name.strip(), entries.text(name), system_prompt)
    else:
        entry = entries.section(name)
        entry.known(("id", "system_prompt", "judge_prompt_prefix"))
        model = ModelSpec(
            name.strip(),
            entry.text("id"),
            entry.text("system_prompt", system_prompt),
            entry.text("judge_prompt_prefix"),
        )
    if not model.id:
        raise SpecError(f"{entries.name(name)} has no model id; give one such as sim/plain")
    return model


def dataset(top: Section, notes: list[str]) -> DatasetSpec:
    if isinstance(top.values.get("dataset"), str):
        return DatasetSpec(_needed(top, "dataset"))
    section = top.section("dataset")
    notes += section.known(("path", "id", "start", "count", "shuffle", "shuffle_seed"))
    source = section.text("path") or section.text("id")
    if not source:
        raise SpecError(f"{section.where}: give a path (or an id) of scenarios")
    return DatasetSpec(
        source,
        section.whole("start", 0),
        section.whole("count", 0, least=1) if section.has("count") else None,
        section.flag("shuffle", False),
        section.whole("shuffle_seed", 42),
    )


def constitution(top: Section, notes: list[str]) -> tuple[str, int | None]:
    if isinstance(top.values.get("constitution"), str):
        return _needed(top, "constitution"), None
    section = top.section("constitution")
    notes += section.known(("path", "num_criteria"))
    if not section.text("path"):
        raise SpecError(f"{section.where}: give the path of a constitution")
    count = section.whole("num_criteria", 0, least=1) if section.has("num_criteria") else None
    return section.text("path"), count


def evaluation(top: Section, notes: list[str]) -> tuple[str, RatingSpec, bool]:
    section = top.section("evaluation")
    notes += section.known(("mode", "direct_rating"))
    mode = section.choice("mode", "pairwise_btd", MODES, _MODE_ALIASES)
    direct = section.section("direct_rating")
    notes += direct.known(
        (
            "include_self",
            "scale_min",
            "scale_max",
            "criterion_aggregation",
            "scenario_aggregation",
            "normalization",
            "softmax_temperature",
            "eigentrust_alpha",
        )
    )
    if (direct.whole("scale_min", 1), direct.whole("scale_max", 10)) != (1, 10):
        raise SpecError(f"{direct.where}: the scale is 1 to 10; leave scale_min and scale_max out")
    for key in ("criterion_aggregation", "scenario_aggregation"):
        direct.choice(key, "mean", ("mean",))
    temperature = direct.number("softmax_temperature", 1.0)
    alpha = direct.number("eigentrust_alpha", 0.0)
    if temperature == 0:
        raise SpecError(f"{direct.name('softmax_temperature')} is 0; it must be above 0")
    if alpha > 1:
        raise SpecError(f"{direct.name('eigentrust_alpha')} is {alpha}; it must be at most 1")
    normalization = direct.choice("normalization", "zscore_softmax", NORMALISATIONS)
    rating = RatingSpec(normalization, temperature, alpha)
    return mode, rating, direct.flag("include_self", True)


def sampler(
    section: Section, mode: str, include_self: bool, num_models: int, notes: list[str]
) -> SamplerSpec:
    known = (
        "enabled",
        "evaluations_path",
        "cached_responses_path",
        "overwrite_cached_responses",
        "allow_ties",
        "group_size",
        "groups",
        "sampler_mode",
        "sampler_seed",
        "alpha",
        "self_judging",
        "response_redundancy",
        "max_tokens",
        "generation",
    )
    notes += section.known(known, without_effect=("checkpoint_path", "openrouter"))
    default = "all_to_all" if mode == "direct_rating" else "random_judge_group"
    sampler = SamplerSpec(
        mode=section.choice("sampler_mode", default, SAMPLERS, _SAMPLER_ALIASES),
        group_size=section.whole("group_size", 4, least=1),
        groups=section.whole("groups", 1, least=1, most=MOST_GROUPS),
        seed=section.whole("sampler_seed", 42),
        alpha=section.number("alpha", 2.0),
        self_judging=section.flag("self_judging", True) and include_self,
        redundancy=section.whole("response_redundancy", 1, least=1),
    )
    try:
        check_spec(sampler, num_models)
    except SamplerError as error:
        raise SpecError(f"{section.where}: {error}") from None
    return sampler


def generation(section: Section, models: tuple[ModelSpec, ...]) -> dict[str, Generation]:
    longest = section.whole("max_tokens", MAX_TOKENS, least=1)
    phases = section.section("generation")
    phases.known(PHASE_KEYS)
    return {key: _phase_generation(phases.section(key), longest, models) for key in PHASE_KEYS}


def _phase_generation(phase: Section, longest: int, models: tuple[ModelSpec, ...]) -> Generation:
    phase.known(("max_tokens", "temperature", "top_p", "max_tokens_by_model"))
    by_model = phase.section("max_tokens_by_model")
    by_model.known([name for model in models for name in (model.name, model.id)])
    return Generation(
        phase.whole("max_tokens", longest, least=1),
        phase.number("temperature", 1.0) if phase.has("temperature") else None,
        phase.number("top_p", 1.0, most=1.0) if phase.has("top_p") else None,
        {name: by_model.whole(name, longest, least=1) for name in by_model.values},
    )


def options(training: Section, collection: Section, notes: list[str]) -> Options:
    notes += training.known(
        (
            "enabled",
            "procedure",
            "model",
            "dims",
            "rho",
            "order_handling",
            "test_size",
            "group_split",
            "separate_criteria",
            "eigentrust_alpha",
            "pretrusted",
            "output_dir",
            "bootstrap",
        ),
        without_effect=_FIT_BY_EPOCHS,
    )
    resample = training.section("bootstrap")
    notes += resample.known(
        ("enabled", "n_bootstraps", "random_seed", "unit", "save_models", "save_trust_matrices")
    )
    dims = training.list_of("dims", int)
    count = None
    if resample.has("n_bootstraps"):
        count = resample.whole("n_bootstraps", 0, most=MOST_DRAWS)
    options = Options(
        procedure=training.choice("procedure", "default", PROCEDURES),
        model=training.choice("model", "btd_ties", MODELS),
        dims=None if dims is None else tuple(dims),
        rho=training.number("rho", 1.0) if training.has("rho") else None,
        order_handling=training.choice("order_handling", "model", ORDER_HANDLINGS)
        if training.has("order_handling")
        else None,
        separate_criteria=training.flag("separate_criteria", False),
        allow_ties=collection.flag("allow_ties", True),
        test_size=training.number("test_size", 0.2),
        group_split=training.flag("group_split", False),
        alpha=training.number("eigentrust_alpha", 0.0),
        pretrusted=tuple(training.list_of("pretrusted", str) or ()),
        n_bootstraps=count if resample.flag("enabled", True) else 0,
        bootstrap_unit=resample.text("unit") or None,
        bootstrap_seed=resample.whole("random_seed", 42),
        save_trust_matrices=resample.flag("save_trust_matrices", False),
    )
    if resample.flag("save_models", False):
        notes.append(f"{resample.name('save_models')} has no effect: replicates' trust is kept")
    return resolvable(options, f"{training.where}: ")


def resolvable(options: Options, where: str) -> Options:
    try:
        options.resolved()
    except OptionsError as error:
        raise SpecError(f"{where}{error}") from None
    if options.alpha > 1:
        raise SpecError(f"{where}eigentrust_alpha is {options.alpha}; it must be at most 1")
    return options


def upload(top: Section, notes: list[str]) -> dict[str, str]:
    section = top.section("upload")
    keys = ("name", "group", "note", "git_commit")
    notes += section.known(("enabled", *keys), without_effect=("secret", "backend", "repo"))
    if section.flag("enabled", False):
        notes.append(
            f"{section.where}: a run uploads nothing; name, group and note are kept in "
            "manifest.json for an export"
        )
    return {key: section.text(key) for key in keys if section.has(key)}


def _needed(top: Section, key: str) -> str:
    if not top.text(key):
        raise SpecError(f"{top.name(key)} is empty; give a path")
    return top.text(key)
