"""A suite that requests given runs of one algorithm on one task, with every setting written out."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

from ruamel.yaml import YAML

from rlbench.api import Curriculum, Run, Task, canonical
from rlbench.envs.action_mask import ActionMaskInObservation
from rlbench.envs.flat_observation import FlatObservation
from rlbench.envs.image_observation import ImageObservation
from rlbench.envs.nested_observation import NestedObservation
from rlbench.envs.packed_observation import PackedObservation
from rlbench.suites.compatibility import own_wrappers

_FORMS = {FlatObservation: "flat", ImageObservation: "image", NestedObservation: "nested", PackedObservation: "nested"}
_BY_NAME = {f"{wrapper.__module__}:{wrapper.__name__}": form for wrapper, form in _FORMS.items()}
_MASKS = f"{ActionMaskInObservation.__module__}:{ActionMaskInObservation.__name__}"


def suite_of_runs(name: str, runs: Sequence[Run], suite: Mapping[str, Any], seeds: Sequence[int]) -> dict[str, Any]:
    """Return a suite, as JSON values, whose plan has these runs with the same keys.

    runs: one or more runs of one algorithm on one task. suite: the suite in suite.json; it contains what runs do not
    record, the form of observations and the anchors. seeds: the seeds of the new suite.
    """
    first = runs[0]
    task, names = json.loads(canonical(first.task)), (first.task.name, first.task.env_id)
    listed = {(one.get("label") or one["id"]): one for one in reversed(suite.get("environments", ()))}
    entry: Mapping[str, Any] = next((listed[name] for name in names if name in listed), {})
    wrappers = [json.loads(canonical(wrapper)) for wrapper in own_wrappers(first.task)]
    environment = {
        "id": task["env_id"],
        **{name: task[name] for name in ("label", "steps", "kwargs", "reset_options", "reward") if task.get(name)},
        **({"backend": task["backend"]} if task["backend"] != Task.backend else {}),
        **({"wrappers": wrappers} if wrappers else {}),
        **({"curriculum": _curriculum(first.task.curriculum)} if first.task.curriculum is not None else {}),
        **_shown(first.task, entry),
        **({"anchors": entry["anchors"]} if entry.get("anchors") else {}),
        "evaluation": task["evaluation"],
    }
    algorithm = {
        "id": first.algorithm,
        **({"label": first.label} if first.label not in ("", first.algorithm) else {}),
        "params": json.loads(canonical(first.config)),
    }
    return {
        "name": name,
        "algorithms": [algorithm],
        "environments": [environment],
        "seeds": list(seeds),
        **({"seed_space": first.seed_space} if first.seed_space != "training" else {}),
        **({"register": list(first.task.register)} if first.task.register else {}),
    }


def _curriculum(curriculum: Curriculum) -> dict[str, Any]:
    entries = []
    for stage in curriculum.stages:
        given = {"steps": stage.steps, "return": stage.mean_return, "episodes": stage.episodes}
        until = {name: value for name, value in given.items() if value is not None}
        entry = {
            "id": stage.env_id,
            "kwargs": stage.kwargs,
            "reset_options": stage.reset_options,
            "wrappers": own_wrappers(stage),
            "until": until,
        }
        entries.append(json.loads(canonical({name: value for name, value in entry.items() if value})))
    return {"sampler": curriculum.sampler, "tasks": entries} if curriculum.sampler else {"stages": entries}


def _shown(task: Task, entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings with which a plan adds the same wrappers to the task as it did for these runs."""
    added = [wrapper.name for wrapper in task.wrappers if wrapper not in own_wrappers(task)]
    form = entry.get("observations", "auto")
    if not entry:  # the suite has changed and lacks the environment; the run's wrappers may show the form
        form = next((_BY_NAME[name] for name in added if name in _BY_NAME), "auto")
    return {
        **({"observations": form} if form != "auto" else {}),
        **({"action_masks": True} if _MASKS in added else {}),
    }


def as_yaml(suite: Mapping[str, Any]) -> str:
    """Return a suite as YAML, with its keys in the given order."""
    text = io.StringIO()
    yaml: Any = YAML(typ="safe")  # Any, because ruamel's types reject False for the last attribute
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False
    yaml.dump(suite, text)
    return text.getvalue()
