"""Uniformly random actions: the lower anchor of every score."""

from typing import Any

from rlbench import Algorithm, AlgorithmSpec, Interaction, Supports, hookimpl


class Random(Algorithm):
    """Draws every action uniformly from the action space; learns nothing."""

    def act(self, obs: Any) -> Any:
        return self.streams.sample("evaluate", self.task.action_space, obs.shape[:2])

    def train(self, interaction: Interaction) -> None:
        interaction.reset()
        while not interaction.finished:
            interaction.checkpoint()
            interaction.step(self.streams.sample("explore", self.task.action_space, interaction.obs.shape[:2]))


@hookimpl
def rlbench_algorithms() -> list[AlgorithmSpec]:
    actions = {"discrete": True, "continuous": True, "multi_discrete": True, "multi_binary": True}
    supports = Supports(**actions, pixels=True, no_observations=True)
    return [AlgorithmSpec("random", Random, supports, summary="uniformly random actions, the lower anchor")]
