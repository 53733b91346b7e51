"""The rules for pytest: one call for each, in a process such as a run would have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rlbench.executors.rule_processes import RULES, Trial, put_to_rules
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
    """Try one of `RULES` on an installed algorithm, or on one that a file in `plugin_files` offers.

    params: as a suite gives them; steps, learn_steps: environment steps of short runs, and of those that learn; timeout: in
    seconds. It skips the test where the algorithm does not claim what the rule is about. Raises: AssertionError with what was
    seen; KeyError for a rule that is none; ConfigError, PluginError as `rlbench run` would.
    """
    import pytest

    means = RULES[rule]
    how = Trial(steps, learn_steps, timeout, tuple(map(str, plugin_files)))
    (verdict,) = put_to_rules(load_plugins(plugin_files), algorithm, params or {}, [rule], how)
    if verdict.verdict == "not claimed":
        pytest.skip(verdict.seen)
    if not verdict.kept:
        raise AssertionError(f"{algorithm} {verdict.verdict} {rule}: {verdict.seen}\nthe rule: {means}")
