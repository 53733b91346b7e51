"""Plugins made for another version of the plugin API: one line that says what to do."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from rlbench.api import API_ADVICE, API_VERSION

RENAMED_HOOKS = {"rlbench_reports": "rlbench_report_sections"}


def other_version(spec: Any) -> str:
    """Return what to do about a spec made for another version of the plugin API; "" if it is made for this one."""
    if spec.api_version > API_VERSION:
        return f"is made for a newer rlbench (plugin API {spec.api_version}, here {API_VERSION}); update rlbench"
    if spec.api_version < API_VERSION:
        return f"is made for an older rlbench (plugin API {spec.api_version}, here {API_VERSION}); {API_ADVICE}"
    return ""


def renamed_hook(module: ModuleType) -> str:
    """Return what to do about a module with a hook that has another name now; "" if it has none."""
    for old, new in RENAMED_HOOKS.items():
        if hasattr(module, old):
            return f"is made for an older rlbench: {old} is called {new} in plugin API {API_VERSION}; {API_ADVICE}"
    return ""


def import_advice(error: BaseException) -> str:
    """Return advice if a module could not be imported because rlbench lacks a name that it uses; otherwise ""."""
    owner = error.name if isinstance(error, ImportError) else None
    if isinstance(error, AttributeError) and isinstance(error.obj, ModuleType):
        owner = error.obj.__name__
    if owner is None or owner.split(".")[0] != "rlbench":
        return ""
    return f"; it may be made for another version of rlbench (plugin API {API_VERSION} here): {API_ADVICE}"
