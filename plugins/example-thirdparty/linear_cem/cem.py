"""The cross-entropy method: draw policies from a normal distribution, play each, and refit it to the best policies.

Sources: Rubinstein 1999; Szita & Lőrincz 2006, "Learning Tetris using the noisy cross-entropy method", for the
decreasing noise, which keeps the distribution from narrowing too early.

The module needs only numpy. Every array begins with the seed axis S. Seeds finish their generations at different steps,
so each seed refits and draws separately.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from rlbench import Algorithm, Device, Interaction, SeedStreams, TaskInfo, setting

STATE_NAMES = ("mean", "std", "candidates", "returns", "played", "generation")


@dataclass(frozen=True)
class CrossEntropyConfig:
    """Hyperparameters, each with its default, meaning and range. Parameters in suites have to be in the ranges."""

    population: int = setting(16, "policies per generation", ge=2)
    episodes: int = setting(1, "episodes per policy; use more if luck decides an episode", ge=1)
    elite: float = setting(0.25, "share of the policies to which the next distribution is fitted", gt=0, le=1)
    std: float = setting(1.0, "standard deviation of the first generation's weights", gt=0)
    noise: float = setting(1.0, "initial value of the noise that is added to every weight's variance", ge=0)
    noise_generations: int = setting(20, "generations until the added variance is 0", ge=1)


class CrossEntropy(Algorithm):
    """Linear policies. Discrete: the action with the largest output; continuous: outputs squashed into the bounds."""

    Config = CrossEntropyConfig

    def __init__(self, config: CrossEntropyConfig, task: TaskInfo, streams: SeedStreams, device: Device) -> None:
        super().__init__(config, task, streams, device)
        space = task.action_space
        self.discrete = hasattr(space, "n")
        inputs = int(np.prod(task.observation_space.shape)) + 1  # plus a constant
        self.shape = (inputs, int(space.n) if self.discrete else int(np.prod(space.shape)))
        seeds, weights = len(streams.seeds), inputs * self.shape[1]
        self.mean = np.zeros((seeds, weights))
        self.std = np.full((seeds, weights), config.std)
        self.candidates = np.zeros((seeds, config.population, weights))
        self.returns = np.zeros((seeds, config.population))  # summed over the episodes of each candidate
        self.played = np.zeros(seeds, np.int64)  # episodes of this generation
        self.generation = np.zeros(seeds, np.int64)
        for index in range(seeds):
            self.draw(index)

    def draw(self, index: int) -> None:
        """Draw a new generation of one seed, from the seed's own generator. Other seeds may be within a generation."""
        generator = self.streams.generators("candidates")[index]
        unit = generator.standard_normal(self.candidates.shape[1:])
        self.candidates[index] = self.mean[index] + self.std[index] * unit

    def train(self, interaction: Interaction) -> None:
        c, rows = self.config, np.arange(len(self.streams.seeds))
        interaction.reset()
        while not interaction.finished:
            interaction.checkpoint()  # a run can be interrupted here and resumed from state()
            current = self.played // c.episodes  # the candidate that each seed plays [S]
            t = interaction.step(self.choose(self.candidates[rows, current], interaction.obs))
            self.returns[rows, current] += t.reward[:, 0]  # one environment per seed: [S, 1]
            self.played += (t.terminated | t.truncated)[:, 0]
            for index in (self.played == c.population * c.episodes).nonzero()[0]:
                self.improve(index)

    def improve(self, index: int) -> None:
        """Refit one seed's distribution to its best candidates and begin its next generation."""
        c = self.config
        count = max(1, round(c.elite * c.population))
        best = np.argsort(-self.returns[index], kind="stable")[
            :count
        ]  # stable, so that every platform breaks ties alike
        elite = self.candidates[index, best]
        noise_share = max(0.0, 1 - self.generation[index] / c.noise_generations)
        self.mean[index] = elite.mean(0)
        self.std[index] = np.sqrt(elite.var(0) + c.noise * noise_share)
        self.generation[index] += 1
        self.returns[index], self.played[index] = 0, 0
        self.draw(index)

    def choose(self, weights: Any, obs: Any) -> Any:
        """Return actions [S, E] or [S, E, dims] at obs [S, E, …]. weights [S, inputs · outputs]: a policy per seed."""
        flat = obs.reshape(*obs.shape[:2], -1).astype(np.float64)
        inputs = np.concatenate([flat, np.ones((*flat.shape[:2], 1))], -1)
        # Not a matrix product: the order of this sum, and so its last bit, is the same for any number of seeds.
        outputs = (inputs[..., None] * weights.reshape(-1, 1, *self.shape)).sum(-2)
        if self.discrete:
            return outputs.argmax(-1)
        space = self.task.action_space
        low, high = space.low.reshape(-1), space.high.reshape(-1)
        actions = low + (np.tanh(outputs) + 1) / 2 * (high - low)
        return np.clip(actions, low, high).astype(space.dtype).reshape(*obs.shape[:2], *space.shape)

    def act(self, obs: Any) -> Any:
        """Return the actions of the mean policy, for evaluation. They are deterministic."""
        return self.choose(self.mean, obs)

    # -- checkpoints: all that was learned and counted; the harness saves the streams --------------------------------
    def state(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in STATE_NAMES}

    def load_state(self, state: Mapping[str, Any]) -> None:
        for name in STATE_NAMES:
            setattr(self, name, np.array(state[name]))

    def final_state(self) -> dict[str, Any]:
        return {"mean": self.mean}

    def load_final_state(self, state: Mapping[str, Any]) -> None:
        self.mean = np.array(state["mean"])
