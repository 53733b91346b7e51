"""rlbench: which reinforcement-learning algorithm is better, and how sure are we?

The public names are imported on first use, so `import rlbench` loads neither torch nor pandas.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.2.0"

__all__ = [
    "Algorithm",
    "AlgorithmSpec",
    "BudgetExceeded",
    "Device",
    "EnvBackendSpec",
    "EvaluationProtocol",
    "ExecutorSpec",
    "Interaction",
    "Results",
    "RlbenchError",
    "SectionSpec",
    "SeedStreams",
    "Supports",
    "Task",
    "TaskInfo",
    "Transition",
    "__version__",
    "hookimpl",
    "load",
    "reference_backend",
    "run",
    "setting",
    "updates_from_replay",
]

_ELSEWHERE = {
    "Results": "rlbench.analysis.suite_results",
    "SeedStreams": "rlbench.seeding",
    "load": "rlbench.reports.notebook_results",
    "reference_backend": "rlbench.envs.gymnasium_backend",
    "run": "rlbench.python_api",
}

if TYPE_CHECKING:
    from rlbench.analysis.suite_results import Results
    from rlbench.api import (
        Algorithm,
        AlgorithmSpec,
        BudgetExceeded,
        Device,
        EnvBackendSpec,
        EvaluationProtocol,
        ExecutorSpec,
        Interaction,
        RlbenchError,
        SectionSpec,
        Supports,
        Task,
        TaskInfo,
        Transition,
        hookimpl,
        setting,
        updates_from_replay,
    )
    from rlbench.envs.gymnasium_backend import reference_backend
    from rlbench.python_api import run
    from rlbench.reports.notebook_results import load
    from rlbench.seeding import SeedStreams


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(importlib.import_module(_ELSEWHERE.get(name, "rlbench.api")), name)
    raise AttributeError(f"module 'rlbench' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
