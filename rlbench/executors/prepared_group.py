"""A group ready for training in this process, with algorithm, configuration, backend and identity of the code."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rlbench.api import Algorithm, AlgorithmSpec, EnvBackendSpec, RunGroup, TaskSampler
from rlbench.plugins import Plugin, Plugins, load_plugins
from rlbench.plugins.config_model import config_of_each_seed, configure
from rlbench.results import code_identity, numerics
from rlbench.results.stack_independence import forget_kernels


@dataclass(frozen=True)
class PreparedGroup:
    """A group with its algorithm and backend.

    backend_plugin: the plugin that provides the backend. code, numerics: as in result.json. had_torch: whether torch
    was imported before the plugin. sampler_plugin, make_sampler: if the task's curriculum has a sampler, the plugin
    that provides it, and the function that makes it.
    """

    group: RunGroup
    plugin: Plugin
    spec: AlgorithmSpec
    algorithm: type[Algorithm]
    config: Any
    backend: EnvBackendSpec
    backend_plugin: Plugin
    code: Mapping[str, Any]
    numerics: Mapping[str, Any]
    had_torch: bool
    sampler_plugin: Plugin | None = None
    make_sampler: Callable[[int], TaskSampler] | None = None

    @property
    def own_plugins(self) -> tuple[Plugin, ...]:
        """The plugins whose code the runs use."""
        return tuple(plugin for plugin in (self.plugin, self.backend_plugin, self.sampler_plugin) if plugin is not None)

    @property
    def made_by(self) -> dict[str, Any]:
        """Code and numerics: a checkpoint with equal values can be resumed exactly."""
        return {"code": self.code, "numerics": self.numerics}

    @property
    def approximate(self) -> bool:
        return self.group.resume == "approximate"

    @property
    def resumable(self) -> bool:
        return self.spec.resumable and self.backend.can_resume(self.group.resume)

    @property
    def why_unsaved(self) -> str:
        """The addition to the message of a stopped run: why it has no checkpoint; "" if it has one."""
        if self.resumable:
            return ""
        culprit = self.spec.name if self.backend.can_resume(self.group.resume) else self.backend.name
        return f"; {culprit} does not support resuming, so the next attempt starts again"


def _configure(algorithm: type[Algorithm], group: RunGroup, name: str) -> Any:
    """Return the group's Config. A hyperparameter that differs among its settings is a PerSeed with all values."""
    settings = [variant.values for variant in group.variants] or [{}]
    configs = [configure(algorithm.Config, {**group.config, **values}, name) for values in settings]
    return configs[0] if len(configs) == 1 else config_of_each_seed(configs, algorithm.per_seed, name)


def prepare_group(group: RunGroup, plugin_files: Sequence[str], plugins: Plugins | None = None) -> PreparedGroup:
    """Load the group's plugins and check its configuration.

    plugins: the plugins of `plugin_files`, if already loaded. Raises: RlbenchError, or any error of a plugin.
    """
    had_torch = "torch" in sys.modules
    plugins = load_plugins(plugin_files) if plugins is None else plugins
    plugin = plugins.find(group.algorithm)
    spec = plugins.algorithm(group.algorithm)
    algorithm = spec.load()
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    config = _configure(algorithm, group, spec.name)
    forget_kernels()
    curriculum = group.task.curriculum
    sampled = curriculum is not None and curriculum.sampler
    return PreparedGroup(
        group,
        plugin,
        spec,
        algorithm,
        config,
        plugins.backend(group.task.backend),
        plugins.find(group.task.backend),
        code=code_identity(plugin, group),
        numerics=numerics(group.device, group.compile, len(group.seeds)),
        had_torch=had_torch,
        sampler_plugin=plugins.find(sampled) if sampled else None,
        make_sampler=plugins.sampler(sampled).load() if sampled else None,
    )
