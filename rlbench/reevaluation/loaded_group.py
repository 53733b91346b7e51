"""A group with published policies loaded, ready to play in this process."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rlbench.api import EnvBackendSpec, Policy, RunGroup, group_from_dict
from rlbench.plugins import Plugins, load_plugins
from rlbench.plugins.config_model import configure
from rlbench.plugins.parameter_names import named_as_now
from rlbench.reevaluation.policy_files import load_policies, published_arrays
from rlbench.reevaluation.trust import refuse_untrusted, refuse_untrusted_settings
from rlbench.results import code_identity, numerics
from rlbench.results.code_dependencies import imported_code
from rlbench.results.provenance import versions
from rlbench.runtime.live_group import LiveGroup
from rlbench.runtime.record_sink import MemorySink


@dataclass(frozen=True)
class LoadedGroup:
    """A group with a published policy loaded for each of its seeds. stack_size: how many seeds trained together."""

    group: RunGroup
    live: LiveGroup
    backend: EnvBackendSpec
    plugins: Plugins
    stack_size: int

    def policy(self, mode: str) -> Policy:
        """Return a new policy function with its own memory. Raises: ValueError if the algorithm lacks this mode."""
        return self.live.algorithm.policy(mode)

    def made_by(self) -> dict[str, Any]:
        """Return what played: code, imported modules, numerical settings and versions."""
        plugin = self.plugins.find(self.group.algorithm)
        return {
            "code": code_identity(plugin),  # without the group, so that files that it names are not read
            "dependencies": imported_code(plugin),
            "numerics": numerics(self.group.device, self.group.compile, self.stack_size),
            "versions": versions(),
        }


def load_group(request: Mapping[str, Any], policies: Mapping[str, str | None]) -> LoadedGroup:
    """Load the published policies of the request's group.

    policies: the sha256 of each policy file, by its path, in the order of the seeds; None if a run published no policy.

    Raises: StoreError if a file is damaged; Diverged if a number is not finite; PluginError if the algorithm cannot be
    loaded or cannot load its policy, or if the task or configuration is not trusted; any exception of the algorithm.
    """
    published = [published_arrays(Path(file), digest) for file, digest in policies.items()]
    group, plugins = group_from_dict(request["group"]), load_plugins(request["plugin_files"])
    if not request["trusted"]:
        refuse_untrusted(group.task, plugins, request["allowed"])
        refuse_untrusted_settings(group.algorithm, group.config)
    spec, backend = plugins.algorithm(group.algorithm), plugins.backend(group.task.backend)
    algorithm = spec.load()
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    config = configure(algorithm.Config, named_as_now(group.config, algorithm.Config), spec.name)
    live = LiveGroup(group, algorithm, config, backend, MemorySink())
    load_policies(live.algorithm, published, f"{request['policy_file']}: {spec.name!r}")
    gc.freeze()
    gc.enable()
    return LoadedGroup(group, live, backend, plugins, request["stack_size"])
