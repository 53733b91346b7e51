"""The defaults of Stable-Baselines3's algorithms for the parameters that they share with rlbench's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rlbench.plugins import Plugins, Resolved

PREFIX = "sb3/"
_ADAM, _SAME_RATE = 1e-8, {"critic_learning_rate": None}
_LOG_STD = {"log_std_min": -20.0, "log_std_max": 2.0}
# Parameters that only rlbench's algorithms have, with the value at which they behave like Stable-Baselines3's.
ALWAYS: Mapping[str, Mapping[str, Any]] = {
    "dqn": {"loss": "huber", "exploration_schedule": "linear", "adam_eps": _ADAM},
    "a2c": {"shared": False, "adam_eps": 1e-5, "rms_prop_alpha": 0.99, "rms_prop_tf_like": False},
    "ppo": {"shared": False, "adam_eps": 1e-5},
    "recurrent_ppo": {"adam_eps": 1e-5},
    "ddpg": _SAME_RATE,
    "td3": _SAME_RATE,
    "sac": {**_SAME_RATE, **_LOG_STD, "layer_norm": False, "dropout": 0.0},
    "qrdqn": {"exploration_schedule": "linear", "adam_eps": None},  # None: 0.01 / batch_size, as in the library
    "tqc": {**_SAME_RATE, **_LOG_STD},
}
# Parameters that mean something else in Stable-Baselines3. Its clip_reward limits normalised rewards, which rlbench
# limits to ±10; rlbench's clip_reward limits rewards before they are normalised.
OTHER_MEANING = ("clip_reward",)


def sb3_defaults(plugins: Plugins, ours: Resolved) -> dict[str, Any]:
    """Return, for an algorithm X, the defaults of sb3/X for each parameter of X that sb3/X has or fixes.

    Returns an empty mapping if sb3/X does not exist or needs a package that is not installed.
    """
    return {} if "/" in ours.name else defaults_of(plugins, ours.name, ours)


def defaults_of(plugins: Plugins, theirs: str, ours: Resolved) -> dict[str, Any]:
    """Return the defaults of sb3/THEIRS for the parameters that it shares with `ours`.

    The two names may differ: `double_dqn` gets the defaults of sb3/dqn.
    """
    defaults = library_defaults(plugins, theirs)
    shared = [e["name"] for e in ours.schema if e["name"] in defaults and e["name"] not in OTHER_MEANING]
    return {name: defaults[name] for name in shared}


def library_defaults(plugins: Plugins, theirs: str) -> dict[str, Any]:
    """Return the defaults of all parameters of sb3/THEIRS, and the values of ALWAYS for those that only ours has.

    Returns an empty mapping if sb3/THEIRS does not exist or needs a package that is not installed.
    """
    from rlbench.api import PluginError
    from rlbench.plugins import resolve

    (answer,) = resolve(plugins, [(PREFIX + theirs, None)])
    if isinstance(answer, PluginError) or answer.missing:
        return {}
    return {**ALWAYS.get(theirs, {}), **{entry["name"]: entry["default"] for entry in answer.schema}}
