"""The cross-entropy method: draw policies from a normal distribution, play each, refit it to the best of them.

Source: Rubinstein 1999; the noise that keeps the distribution from closing too early: Szita & Lőrincz 2006, "Learning
Tetris using the noisy cross-entropy method", whose decreasing noise it is.

It needs numpy alone. Every array has the seed axis S in front; seeds come to the end of their generations at different
steps, so each refits, and draws, by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from rlbench import Algorithm, Device, Interaction, SeedStreams, TaskInfo, setting

LEARNED = ("mean", "std", "candidates", "returns", "played", "generation")


@dataclass(frozen=True)
class CrossEntropyConfig:
    """Hyperparameters: a default, a meaning and a range each. Suites are checked against it."""

    population: int = setting(16, "policies of a generation", ge=2)
    episodes: int = setting(1, "episodes that each is played for; more where luck decides one", ge=1)
    elite: float = setting(0.25, "share of them that the next distribution is fitted to", gt=0, le=1)
    std: float = setting(1.0, "standard deviation of the first generation's weights", gt=0)
    noise: float = setting(1.0, "variance added to every weight's, at first", ge=0)
    noise_generations: int = setting(20, "generations until nothing is added any more", ge=1)


class CrossEntropy(Algorithm):
    """Acts by a linear map of the observation: the action with the largest output, or each output within its bounds."""

    Config = CrossEntropyConfig

    def __init__(self, config: CrossEntropyConfig, task: TaskInfo, streams: SeedStreams, device: Device) -> None:
        super().__init__(config, task, streams, device)
        space = task.action_space
        self.discrete = hasattr(space, "n")
        inputs = int(np.prod(task.observation_space.shape)) + 1  # and a constant
        self.shape = (inputs, int(space.n) if self.discrete else int(np.prod(space.shape)))
        seeds, weights = len(streams.seeds), inputs * self.shape[1]
        self.mean = np.zeros((seeds, weights))
        self.std = np.full((seeds, weights), config.std)
        self.candidates = np.zeros((seeds, config.population, weights))
        self.returns = np.zeros((seeds, config.population))  # of each of them, summed over its episodes
        self.played = np.zeros(seeds, np.int64)  # episodes of this generation
        self.generation = np.zeros(seeds, np.int64)
        for index in range(seeds):
            self.draw(index)

    def draw(self, index: int) -> None:
        """A new generation of one seed, from that seed's own generator: others may not be there yet."""
        generator = self.streams.generators("candidates")[index]
        unit = generator.standard_normal(self.candidates.shape[1:])
        self.candidates[index] = self.mean[index] + self.std[index] * unit

    def train(self, interaction: Interaction) -> None:
        c, rows = self.config, np.arange(len(self.streams.seeds))
        interaction.reset()
        while not interaction.finished:
            interaction.checkpoint(self)  # a run may be interrupted here, and goes on from state()
            which = self.played // c.episodes  # the candidate that each seed plays [S]
            t = interaction.step(self.choose(self.candidates[rows, which], interaction.obs))
            self.returns[rows, which] += t.reward[:, 0]  # one environment a seed: [S, 1]
            self.played += (t.terminated | t.truncated)[:, 0]
            for index in (self.played == c.population * c.episodes).nonzero()[0]:
                self.improve(index)

    def improve(self, index: int) -> None:
        """Refit one seed's distribution to its best candidates, and begin its next generation."""
        c = self.config
        count = max(1, round(c.elite * c.population))
        best = np.argsort(-self.returns[index], kind="stable")[:count]  # stable: ties are broken alike everywhere
        elite = self.candidates[index, best]
        left = max(0.0, 1 - self.generation[index] / c.noise_generations)
        self.mean[index] = elite.mean(0)
        self.std[index] = np.sqrt(elite.var(0) + c.noise * left)
        self.generation[index] += 1
        self.returns[index], self.played[index] = 0, 0
        self.draw(index)

    def choose(self, weights: Any, obs: Any) -> Any:
        """Actions [S, E] or [S, E, dims] at obs [S, E, …] of a policy for each seed, weights [S, inputs · outputs]."""
        flat = obs.reshape(*obs.shape[:2], -1).astype(np.float64)
        inputs = np.concatenate([flat, np.ones((*flat.shape[:2], 1))], -1)
        # A product and a sum over the inputs: its order, and so its last bit, is the same for any number of seeds.
        outputs = (inputs[..., None] * weights.reshape(-1, 1, *self.shape)).sum(-2)
        if self.discrete:
            return outputs.argmax(-1)
        space = self.task.action_space
        low, high = space.low.reshape(-1), space.high.reshape(-1)
        actions = low + (np.tanh(outputs) + 1) / 2 * (high - low)
        return np.clip(actions, low, high).astype(space.dtype).reshape(*obs.shape[:2], *space.shape)

    def act(self, obs: Any) -> Any:
        """What evaluation sees: the policy in the middle of the distribution. Draws nothing."""
        return self.choose(self.mean, obs)

    # -- what is kept: all that was learned and counted; the streams are the harness's ---------------------------------
    def state(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in LEARNED}

    def load_state(self, state: Mapping[str, Any]) -> None:
        for name in LEARNED:
            setattr(self, name, np.array(state[name]))

    def final_state(self) -> dict[str, Any]:
        return {"mean": self.mean}

    def load_final_state(self, state: Mapping[str, Any]) -> None:
        self.mean = np.array(state["mean"])
