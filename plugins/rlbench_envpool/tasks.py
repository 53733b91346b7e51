"""The supported tasks: ids whose steps equal those in Gymnasium, and arguments with the same meaning in both.

Equal ids do not guarantee equal tasks: EnvPool reimplements each environment in C++ and has its own version of MuJoCo.
tests/envs/test_envpool_dynamics.py compares one step from the same state, for each id and argument listed here.
"""

from __future__ import annotations

from importlib.util import find_spec

from rlbench import RlbenchError, Task

_LIMIT = ("max_episode_steps",)
_BODY = (*_LIMIT, "frame_skip", "reset_noise_scale")
_RUNNER = (*_BODY, "ctrl_cost_weight", "forward_reward_weight")
_WALKER = (*_RUNNER, "healthy_reward", "terminate_when_unhealthy")

# Ids that equal Gymnasium's (EnvPool 1.2.5, Gymnasium 1.4.0, MuJoCo 3.6.0 there and here), and their arguments.
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

# Ids that name different tasks in EnvPool and in Gymnasium.
DIFFERENT = {
    "Ant-v5": "its rewards differ (by up to 0.07 after one step from the same state)",
    "Humanoid-v5": "its observations and rewards differ (by up to 0.003 after one step from the same state)",
    "HumanoidStandup-v5": "its observations differ (by up to 0.007 after one step from the same state)",
    "Pendulum-v1": "it moves the pole before it limits the speed to 8, Gymnasium afterwards",
}


def check(task: Task) -> None:
    """Check that EnvPool's task equals Gymnasium's. Raises: RlbenchError with an alternative if it does not."""
    instead = "use `backend: gymnasium` for it"
    if find_spec("envpool") is None:
        raise RlbenchError('the backend envpool needs a package that is not installed: pip install "rlbench[envpool]"')
    if task.wrappers:
        names = ", ".join(wrapper.name for wrapper in task.wrappers)
        raise RlbenchError(f"wrappers ({names}) can wrap Gymnasium's environments, not EnvPool's; {instead}")
    if task.env_id in DIFFERENT:
        raise RlbenchError(f"EnvPool's environment of that name is different: {DIFFERENT[task.env_id]}; {instead}")
    if task.env_id not in TAKEN:
        raise RlbenchError(
            f"not among the environments of EnvPool that equal Gymnasium's ({', '.join(sorted(TAKEN))}); {instead}"
        )
    known = TAKEN[task.env_id]
    unknown = [name for name in task.kwargs if name not in known]
    if unknown:
        raise RlbenchError(
            f"EnvPool takes the arguments {', '.join(known)} of this task, not {', '.join(unknown)}; leave these out, "
            f"or {instead}"
        )
