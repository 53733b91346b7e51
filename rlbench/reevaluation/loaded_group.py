"""A group whose algorithm holds published policies, ready to play in this process."""

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
    """A group whose algorithm plays published policies, one for each of its seeds. stack_size: in training."""

    group: RunGroup
    live: LiveGroup
    backend: EnvBackendSpec
    plugins: Plugins
    stack_size: int

    def policy(self, mode: str) -> Policy:
        """Return a new policy function, with a memory of its own. Raises: ValueError for a mode that is missing."""
        return self.live.algorithm.policy(mode)

    def made_by(self) -> dict[str, Any]:
        """Return what played: code, imported modules, numerical settings and versions."""
        plugin = self.plugins.find(self.group.algorithm)
        return {
            "code": code_identity(plugin),  # without the group, so files that it names stay closed
            "dependencies": imported_code(plugin),
            "numerics": numerics(self.group.device, self.group.compile, self.stack_size),
            "versions": versions(),
        }


def load_group(request: Mapping[str, Any], policies: Mapping[str, str | None]) -> LoadedGroup:
    """Load the policies of the request's group. policies: for each seed in order, the file and its sha256.

    A sha256 of None stands for a run that published no policy.

    Raises: StoreError for a damaged file; Diverged for a number that is not finite; PluginError for an algorithm that
    cannot be loaded or cannot load its policy, or for what is not trusted; any other exception of the algorithm.
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
