"""Which tasks this backend takes: those whose every step was seen to be Gymnasium's, and arguments that mean the same.

An id alone promises nothing: EnvPool has its own C++ of each environment, and MuJoCo of a version of its own.
tests/envs/test_envpool_dynamics.py compares one step from the same state, for each id and argument that stands here.
"""

from __future__ import annotations

from importlib.util import find_spec

from rlbench import RlbenchError, Task

_LIMIT = ("max_episode_steps",)
_BODY = (*_LIMIT, "frame_skip", "reset_noise_scale")
_RUNNER = (*_BODY, "ctrl_cost_weight", "forward_reward_weight")
_WALKER = (*_RUNNER, "healthy_reward", "terminate_when_unhealthy")

# Ids that equal Gymnasium's (EnvPool 1.2.5, Gymnasium 1.4.0, MuJoCo 3.6.0 there and 4.0.0 here), and their arguments.
TAKEN = {
    "Acrobot-v1": _LIMIT,
    "CartPole-v1": _LIMIT,
    "MountainCar-v0": _LIMIT,
    "MountainCarContinuous-v0": _LIMIT,
    "HalfCheetah-v5": _RUNNER,
    "Hopper-v5": _WALKER,
    "InvertedDoublePendulum-v5": (*_BODY, "healthy_reward"),
    "InvertedPendulum-v5": _BODY,
    "Reacher-v5": _LIMIT,
    "Swimmer-v5": _RUNNER,
    "Walker2d-v5": _WALKER,
}

# Ids that both have, and that were seen to be different tasks.
DIFFERENT = {
    "Ant-v5": "its contacts are computed otherwise (up to 0.04 apart after one step)",
    "Humanoid-v5": "its contacts are computed otherwise (up to 0.04 apart after one step)",
    "HumanoidStandup-v5": "its contacts are computed otherwise (over 1 apart after one step)",
    "Pendulum-v1": "it moves the pole by the speed before that is limited to 8, Gymnasium by the speed after",
}


def check(task: Task) -> None:
    """See that EnvPool gives the task that Gymnasium would. Raises: RlbenchError that says what to do otherwise."""
    instead = "use `backend: gymnasium` for it"
    if find_spec("envpool") is None:
        raise RlbenchError('the backend envpool needs a package that is not installed: pip install "rlbench[envpool]"')
    if task.wrappers:
        names = ", ".join(wrapper.name for wrapper in task.wrappers)
        raise RlbenchError(f"wrappers ({names}) go around Gymnasium's environments, not EnvPool's; {instead}")
    if task.env_id in DIFFERENT:
        raise RlbenchError(f"EnvPool's environment of that name is another: {DIFFERENT[task.env_id]}; {instead}")
    if task.env_id not in TAKEN:
        raise RlbenchError(
            f"not among the environments of EnvPool that equal Gymnasium's ({', '.join(sorted(TAKEN))}); {instead}"
        )
    known = TAKEN[task.env_id]
    strange = [name for name in task.kwargs if name not in known]
    if strange:
        raise RlbenchError(
            f"of its arguments EnvPool takes {', '.join(known)}, not {', '.join(strange)}; leave out what it does not "
            f"take, or {instead}"
        )
