"""What Stable-Baselines3's algorithm of the same name has for the same parameter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rlbench.plugins import Plugins, Resolved

PREFIX = "sb3/"
_ADAM, _SAME_RATE = 1e-8, {"critic_learning_rate": None}
# What is a parameter here and no parameter there: what it does at all times.
ALWAYS: Mapping[str, Mapping[str, Any]] = {
    "dqn": {"loss": "huber", "exploration_schedule": "linear", "adam_eps": _ADAM},
    "a2c": {"shared": False, "adam_eps": 1e-5, "rms_prop_alpha": 0.99, "rms_prop_tf_like": False},
    "ppo": {"shared": False, "adam_eps": 1e-5},
    "ddpg": _SAME_RATE,
    "td3": _SAME_RATE,
    "sac": {**_SAME_RATE, "log_std_min": -20.0, "log_std_max": 2.0},
}


def sb3_defaults(plugins: Plugins, ours: Resolved) -> dict[str, Any]:
    """Defaults of sb3/X for those parameters of X that it has or fixes; none where there is no such algorithm, or it needs
    what is not installed.
    """
    return {} if "/" in ours.name else defaults_of(plugins, ours.name, ours)


def defaults_of(plugins: Plugins, theirs: str, ours: Resolved) -> dict[str, Any]:
    """The same of sb3/THEIRS for one of ours by another name, such as dqn's for double_dqn."""
    from rlbench.api import PluginError
    from rlbench.plugins import resolve

    (found,) = resolve(plugins, [(PREFIX + theirs, None)])
    if isinstance(found, PluginError) or found.missing:
        return {}
    defaults = {**ALWAYS.get(theirs, {}), **{entry["name"]: entry["default"] for entry in found.schema}}
    return {entry["name"]: defaults[entry["name"]] for entry in ours.schema if entry["name"] in defaults}
