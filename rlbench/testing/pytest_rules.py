"""The rules for algorithms as a function for pytest. One call checks one rule, in a process like that of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rlbench.executors.rule_processes import RULES, TrialConfig, check_rules
from rlbench.plugins import load_plugins

__all__ = ["RULES", "check"]


def check(
    algorithm: str,
    rule: str,
    params: Mapping[str, Any] | None = None,
    *,
    steps: int = 2_000,
    learn_steps: int = 5_000,
    timeout: float = 600.0,
    plugin_files: Sequence[str | Path] = (),
) -> None:
    """Check one of `RULES` for an installed algorithm, or for an algorithm that a file in `plugin_files` offers.

    If the rule is about a property that the algorithm does not claim, skip the test. params: as in a suite.
    steps: environment steps of short runs. learn_steps: environment steps per seed of runs that have to learn. timeout:
    in seconds.
    Raises: AssertionError with the observation if the rule is broken; KeyError for an unknown rule; ConfigError or
    PluginError if the algorithm cannot be used.
    """
    import pytest

    requirement = RULES[rule]
    trial = TrialConfig(steps, learn_steps, timeout, tuple(map(str, plugin_files)))
    (result,) = check_rules(load_plugins(plugin_files), algorithm, params or {}, [rule], trial)
    if result.verdict == "not claimed":
        pytest.skip(result.seen)
    if not result.passes:
        raise AssertionError(f"{algorithm} {result.verdict} {rule}: {result.seen}\nthe rule: {requirement}")
