"""Groups of runs that are trained together in one process, as one stack: seeds of one setting or of several settings.

In the files of an attempt, each run of a group has a number. It is the run's seed, or its index in the group if the
group has several settings.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from rlbench.api.records import Run, canonical, slug
from rlbench.api.task import IF_GIVEN, Curriculum, EvaluationProtocol, Stage, Task, Wrapper


@dataclass(frozen=True)
class Variant:
    """The setting of one run of a group. label: the algorithm's label. values: the hyperparameters that differ."""

    label: str
    values: Mapping[str, Any]


@dataclass(frozen=True)
class RunGroup:
    """Runs that are trained together in one process: seeds of one setting, or of several settings (`variants`).

    per_seed: hyperparameters that may have a different value for each seed of a stack. Groups that differ only in these
    may be joined (`rlbench.runner.setting_stacks`). Empty: this group must not be joined with others.
    variants: the setting of each seed, if the group was joined from several. `seeds` may then repeat a seed.
    checkpoint_every: environment steps per seed between checkpoints; 0: no checkpoints.
    timeout: seconds that the group's process may take; None: no limit.
    stall_timeout: seconds that the process may take without an environment step; None: no limit.
    memory: bytes that the process and its child processes may use; None: no limit.
    resume: "exact", "approximate" (resume although numbers will differ) or "never".
    data_files: files that the runs read; their contents count as part of the code that produced the runs.
    environment_repeats: whether the environment's `reset` with one seed always begins the same episode. If false, the
    same seed returns different numbers each time.
    """

    algorithm: str
    config: Mapping[str, Any]
    task: Task
    seeds: tuple[int, ...]
    label: str = ""
    seed_space: str = "training"
    device: str = "cpu"
    compile: bool = False
    checkpoint_every: int = 0
    timeout: float | None = None
    stall_timeout: float | None = None
    resume: str = "exact"
    data_files: tuple[str, ...] = ()
    environment_repeats: bool = True
    memory: int | None = None
    per_seed: tuple[str, ...] = field(default=(), metadata=IF_GIVEN)
    variants: tuple[Variant, ...] = field(default=(), metadata=IF_GIVEN)

    @cached_property
    def runs(self) -> tuple[Run, ...]:
        settings = self.variants or (Variant(self.label, {}),) * len(self.seeds)
        return tuple(
            Run(self.algorithm, {**self.config, **v.values}, self.task, seed, v.label, self.seed_space)
            for seed, v in zip(self.seeds, settings, strict=True)
        )

    @property
    def members(self) -> tuple[int, ...]:
        """Each run's number in the files of an attempt: its seed, or its index in the group if there are `variants`."""
        return tuple(range(len(self.seeds))) if self.variants else self.seeds

    def of_each_setting(self) -> list[tuple[RunGroup, tuple[int, ...]]]:
        """Return one group for each setting, paired with the indices of its runs in this group."""
        if not self.variants:
            return [(self, tuple(range(len(self.seeds))))]
        places: dict[str, list[int]] = {}
        for place, variant in enumerate(self.variants):
            places.setdefault(canonical(variant), []).append(place)
        groups = []
        for own in places.values():
            variant, seeds = self.variants[own[0]], tuple(self.seeds[place] for place in own)
            config = {**self.config, **variant.values}
            group = dataclasses.replace(self, config=config, label=variant.label, seeds=seeds, variants=())
            groups.append((group, tuple(own)))
        return groups

    @cached_property
    def name(self) -> str:
        """A name that is safe for a folder. It does not depend on the order of the runs."""
        digest = hashlib.sha256("".join(sorted(run.key for run in self.runs)).encode()).hexdigest()[:12]
        return "--".join((slug(self.algorithm, 24), slug(self.task.env_id, 28), digest))


def group_as_dict(group: RunGroup) -> dict[str, Any]:
    """Return a RunGroup as JSON values. `group_from_dict` is the inverse."""
    described: dict[str, Any] = json.loads(canonical(group))
    return described


def group_from_dict(values: Mapping[str, Any]) -> RunGroup:
    """Return the RunGroup from the values that `group_as_dict` returned. Raises: KeyError or TypeError for others."""
    return RunGroup(
        **{
            **values,
            "task": task_from_dict(values["task"]),
            "seeds": tuple(values["seeds"]),
            "data_files": tuple(values.get("data_files", ())),
            "per_seed": tuple(values.get("per_seed", ())),
            "variants": tuple(Variant(**variant) for variant in values.get("variants", ())),
        }
    )


def task_from_dict(values: Mapping[str, Any]) -> Task:
    """Return a Task from its JSON values."""
    protocol = EvaluationProtocol(**values["evaluation"])
    wrappers, register = tuple(Wrapper(**w) for w in values["wrappers"]), tuple(values.get("register", ()))
    given = {"evaluation": protocol, "wrappers": wrappers, "register": register}
    if "curriculum" in values:
        given["curriculum"] = _curriculum_from_dict(values["curriculum"])
    return Task(**{**values, **given})


def _curriculum_from_dict(values: Mapping[str, Any]) -> Curriculum:
    stages = (Stage(**{**s, "wrappers": tuple(Wrapper(**w) for w in s["wrappers"])}) for s in values["stages"])
    return Curriculum(**{**values, "stages": tuple(stages)})
