"""An EigenBench run as a YAML or JSON file, with the keys of the published tool's RUN_SPEC.

EigenBench: A Comparative Behavioral Measure of Value Alignment, Chang et al., arXiv 2509.01938.

    models:       {display name: model id, or {id, system_prompt, judge_prompt_prefix}}
    dataset:      {path | id, start, count, shuffle, shuffle_seed}, or a path or id
    constitution: {path, num_criteria}, or a path
    evaluation:   {mode, direct_rating}
    collection:   {enabled, sampler_mode, group_size, groups, allow_ties, generation, ...}
    training:     {enabled, model, dims, bootstrap, ...}

`docs/eigenbench.md` says what every key does.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from benchmarks.eigenbench import spec_sections as sections
from benchmarks.eigenbench.section import Section, SpecError
from benchmarks.eigenbench.spec import Spec
from inference.errors import PlumblineError


def load_spec(path: str | Path) -> Spec:
    """Read and check a spec.

    Raises:
        SpecError: one line that names the file, the key and the mend.
    """
    path = Path(path)
    return parse_spec(_parsed(path), path)


def parse_spec(content: Any, path: Path) -> Spec:
    """A spec from what the file at `path` holds (see `load_spec`)."""
    top = Section(path.name, content, whole_file=True)
    notes = top.known(
        (
            "name",
            "verbose",
            "models",
            "model_system_prompts",
            "dataset",
            "constitution",
            "evaluation",
            "collection",
            "training",
            "upload",
        )
    )
    top.flag("verbose", False)
    models = sections.models(top)
    constitution, num_criteria = sections.constitution(top, notes)
    mode, rating, include_self = sections.evaluation(top, notes)
    collection = top.section("collection")
    sampler = sections.sampler(collection, mode, include_self, len(models), notes)
    training = top.section("training")
    options = sections.options(training, collection, notes)
    for name in options.pretrusted:
        if name not in [model.name for model in models]:
            raise SpecError(f"{training.name('pretrusted')}: no model is called '{name}'")
    return Spec(
        path=str(path),
        name=_run_name(top, path),
        models=models,
        dataset=sections.dataset(top, notes),
        constitution=constitution,
        num_criteria=num_criteria,
        mode=mode,
        rating=rating,
        collects=collection.flag("enabled", True),
        trains=training.flag("enabled", True),
        evaluations_path=collection.text("evaluations_path"),
        cached_responses_path=collection.text("cached_responses_path"),
        overwrite_cached_responses=collection.flag("overwrite_cached_responses", False),
        sampler=sampler,
        generation=sections.generation(collection, models),
        options=options,
        output_dir=training.text("output_dir"),
        upload=sections.upload(top, notes),
        notes=tuple(notes),
    )


def override(
    spec: Spec,
    num_criteria: int | None = None,
    procedure: str | None = None,
    dims: str | None = None,
    order_handling: str | None = None,
    n_bootstraps: int | None = None,
    bootstrap_unit: str | None = None,
) -> Spec:
    """The spec with what was given on the command line in place of its own.

    Raises:
        SpecError: a value is out of range.
    """
    if num_criteria is not None and num_criteria < 1:
        raise SpecError(f"--num_criteria is {num_criteria}; it must be 1 or more")
    given: dict[str, Any] = {
        "procedure": procedure,
        "order_handling": order_handling,
        "n_bootstraps": n_bootstraps,
        "bootstrap_unit": bootstrap_unit,
        "dims": _dims(dims) if dims else None,
    }
    changes = {key: value for key, value in given.items() if value is not None and value != ""}
    options = sections.resolvable(replace(spec.options, **changes), "--")
    return replace(
        spec,
        options=options,
        num_criteria=spec.num_criteria if num_criteria is None else num_criteria,
    )


def _dims(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.replace(" ", "").strip(",").split(","))
    except ValueError:
        raise SpecError(f"--dims is '{text}'; give whole numbers such as 2 or 1,2,3") from None


# Reading the file ------------------------------------------------------------------------------


class _UniqueKeys(yaml.SafeLoader):
    """YAML that refuses a key given twice, of which plain YAML keeps the last in silence."""


def _unique_mapping(loader: yaml.SafeLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    loader.flatten_mapping(node)
    return _unique(
        (loader.construct_object(k), loader.construct_object(v, deep=True)) for k, v in node.value
    )


def _unique(pairs: Any) -> dict[Any, Any]:
    mapping: dict[Any, Any] = {}
    for key, value in pairs:
        if key in mapping:
            raise SpecError(f"the key '{key}' is given twice; names must be unique")
        mapping[key] = value
    return mapping


_UniqueKeys.add_constructor("tag:yaml.org,2002:map", _unique_mapping)


def _parsed(path: Path) -> Any:
    if path.suffix == ".py":
        raise SpecError(f"{path.name}: a spec is data; write its RUN_SPEC as YAML or JSON")
    try:
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".json":
            return json.loads(text, object_pairs_hook=_unique)
        return yaml.load(text, _UniqueKeys)
    except FileNotFoundError:
        raise SpecError(f"there is no spec at {path}; give --spec runs/<name>/spec.yaml") from None
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, yaml.YAMLError) as error:
        line = " ".join(str(error).split())[:200]
        raise SpecError(f"{path.name} can't be read: {line}") from None
    except TypeError:
        raise SpecError(f"{path.name}: a key is a list or a mapping; keys must be texts") from None
    except PlumblineError as error:
        raise SpecError(f"{path.name}: {error}") from None


def _run_name(top: Section, path: Path) -> str:
    """The name, else the folder's (runs/my_run/spec.yaml), else the file's."""
    name = top.text("name") or (path.resolve().parent.name if path.stem == "spec" else path.stem)
    parts = Path(name).parts
    if not parts or Path(name).is_absolute() or ".." in parts:
        raise SpecError(f"{top.name('name')} is '{name}'; it must be a name for a folder")
    return name
