"""Deep Q-learning as an rlbench plugin."""

from rlbench import AlgorithmSpec, Supports, hookimpl


@hookimpl
def rlbench_algorithms() -> list[AlgorithmSpec]:
    return [
        AlgorithmSpec(
            "dqn", "rlbench_dqn.dqn:DQN", Supports(discrete=True), summary="deep Q-learning (Mnih et al. 2015)"
        )
    ]
