"""The contract between the harness and its plugins. It imports only the standard library, numpy and pluggy."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rlbench.api.algorithm import (
        Algorithm,
        AlgorithmSpec,
        Policy,
        Supports,
        environments_of,
        setting,
        updates_from_replay,
    )
    from rlbench.api.errors import (
        AnchorsError,
        BrokenPlugin,
        BudgetExceeded,
        ConfigError,
        DiskFull,
        Diverged,
        LockedError,
        NothingToCompare,
        Overrun,
        PluginError,
        RlbenchError,
        Stopped,
        StoreError,
        SuiteError,
        WorkerFailed,
    )
    from rlbench.api.hookspecs import OBSERVERS, PROJECT, hookimpl, hookspec
    from rlbench.api.interaction import Array, Budget, Interaction, Transition
    from rlbench.api.records import (
        COLUMNS,
        LARGEST_RETURN,
        Column,
        EpisodeRecord,
        EvaluationRecord,
        MetricRecord,
        Run,
        RunGroup,
        RunKey,
        RunStatus,
        canonical,
        group_as_dict,
        group_from_dict,
        slug,
        task_from_dict,
    )
    from rlbench.api.specs import EnvBackendSpec, EnvBatch, ExecutorSpec, ReportSpec
    from rlbench.api.task import Device, EvaluationProtocol, Task, TaskInfo, Wrapper

__all__ = [
    "COLUMNS",
    "LARGEST_RETURN",
    "OBSERVERS",
    "PROJECT",
    "Algorithm",
    "AlgorithmSpec",
    "AnchorsError",
    "Array",
    "BrokenPlugin",
    "Budget",
    "BudgetExceeded",
    "Column",
    "ConfigError",
    "Device",
    "DiskFull",
    "Diverged",
    "EnvBackendSpec",
    "EnvBatch",
    "EpisodeRecord",
    "EvaluationProtocol",
    "EvaluationRecord",
    "ExecutorSpec",
    "Interaction",
    "LockedError",
    "MetricRecord",
    "NothingToCompare",
    "Overrun",
    "PluginError",
    "Policy",
    "ReportSpec",
    "RlbenchError",
    "Run",
    "RunGroup",
    "RunKey",
    "RunStatus",
    "Stopped",
    "StoreError",
    "SuiteError",
    "Supports",
    "Task",
    "TaskInfo",
    "Transition",
    "WorkerFailed",
    "Wrapper",
    "canonical",
    "environments_of",
    "group_as_dict",
    "group_from_dict",
    "hookimpl",
    "hookspec",
    "setting",
    "slug",
    "task_from_dict",
    "updates_from_replay",
]

_NAMES_BY_MODULE = {
    "algorithm": (
        "Algorithm",
        "AlgorithmSpec",
        "Policy",
        "Supports",
        "environments_of",
        "setting",
        "updates_from_replay",
    ),
    "errors": (
        "AnchorsError",
        "BrokenPlugin",
        "BudgetExceeded",
        "ConfigError",
        "DiskFull",
        "Diverged",
        "LockedError",
        "NothingToCompare",
        "Overrun",
        "PluginError",
        "RlbenchError",
        "Stopped",
        "StoreError",
        "SuiteError",
        "WorkerFailed",
    ),
    "hookspecs": (
        "OBSERVERS",
        "PROJECT",
        "hookimpl",
        "hookspec",
    ),
    "interaction": (
        "Array",
        "Budget",
        "Interaction",
        "Transition",
    ),
    "records": (
        "COLUMNS",
        "LARGEST_RETURN",
        "Column",
        "EpisodeRecord",
        "EvaluationRecord",
        "MetricRecord",
        "Run",
        "RunGroup",
        "RunKey",
        "RunStatus",
        "canonical",
        "group_as_dict",
        "group_from_dict",
        "slug",
        "task_from_dict",
    ),
    "specs": (
        "EnvBackendSpec",
        "EnvBatch",
        "ExecutorSpec",
        "ReportSpec",
    ),
    "task": (
        "Device",
        "EvaluationProtocol",
        "Task",
        "TaskInfo",
        "Wrapper",
    ),
}
_MODULE_OF = {name: module for module, names in _NAMES_BY_MODULE.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'rlbench.api' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"rlbench.api.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value
