"""Double deep Q-learning as an rlbench plugin."""

from rlbench import AlgorithmSpec, Supports, hookimpl


@hookimpl
def rlbench_algorithms() -> list[AlgorithmSpec]:
    summary = "double deep Q-learning (van Hasselt et al. 2016)"
    return [
        AlgorithmSpec("double_dqn", "rlbench_double_dqn.double_dqn:DoubleDQN", Supports(discrete=True), summary=summary)
    ]
