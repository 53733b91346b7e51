"""Uniformly random actions: the lower anchor of every score."""

from typing import Any

from rlbench import Algorithm, AlgorithmSpec, Interaction, Supports, hookimpl
from rlbench.api import Policy
from rlbench.kit.action_masks import ActionMask  # not from rlbench.kit, which counts as using torch
from rlbench.kit.agents import Agents, layout_of


class Random(Algorithm):
    """Draws actions uniformly from the action space, or from the actions that a mask allows. It does not learn."""

    def draw(self, stream: str, obs: Any) -> Any:
        """Return actions for observations [S, N, …], drawn from the named stream."""
        mask, space = ActionMask.of(self.task.observation_space), self.task.action_space
        layout = layout_of(self.task.observation_space)
        if layout is not None and layout.has_masks:
            agents = Agents(self.task)
            return agents.random_actions(self.streams.uniform(stream, obs.shape[1], agents.count), obs)
        if not mask.size:
            return self.streams.sample(stream, space, obs.shape[:2])
        return mask.random_actions(self.streams.uniform(stream, obs.shape[1]), obs, mask.size)

    def act(self, obs: Any) -> Any:
        return self.draw("evaluate", obs)

    def policy(self, mode: str = "greedy") -> Policy:
        """Return the same policy for both modes, so that tasks with sampled evaluation have a lower anchor too."""
        return lambda obs, start: self.act(obs)

    def train(self, interaction: Interaction) -> None:
        interaction.reset()
        while not interaction.finished:
            interaction.checkpoint()
            interaction.step(self.draw("explore", interaction.obs))


@hookimpl
def rlbench_algorithms() -> list[AlgorithmSpec]:
    actions = {"discrete": True, "continuous": True, "multi_discrete": True, "multi_binary": True}
    anything = {"any_actions": True, "action_masks": True, "no_observations": True}
    supports = Supports(**actions, **anything, pixels=True, multi_agent=True)
    return [AlgorithmSpec("random", Random, supports, summary="uniformly random actions, the lower anchor")]
