"""The library's own training loop: metered environments, one call of `learn`, and the policy for evaluation.

Source: Raffin et al. 2021. Parameters keep the library's names, units and values.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from stable_baselines3.common.running_mean_std import RunningMeanStd
from stable_baselines3.common.utils import LinearSchedule
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv, VecNormalize

from rlbench import Algorithm, Device, Interaction, SeedStreams, TaskInfo
from rlbench_sb3.parameters import Learner

GAMMA, EPSILON = 0.99, 1e-8  # VecNormalize's own defaults


class LibraryAlgorithm(Algorithm):
    """The library's algorithm for one seed. Its environments come from `interaction.make_env`.

    library: the algorithm's class. network_class: class of the policy that it trains. stochastic: whether the policy
    can be evaluated as "sampled".
    """

    library: ClassVar[type[Any]]
    network_class: ClassVar[type[Any]]
    stochastic: ClassVar[bool] = False
    activations: ClassVar[Mapping[str, Any]] = {"relu": torch.nn.ReLU, "tanh": torch.nn.Tanh}
    config: Learner

    def __init__(self, config: Learner, task: TaskInfo, streams: SeedStreams, device: Device) -> None:
        super().__init__(config, task, streams, device)
        self.network: Any = None  # the model's policy once it trains
        self.statistics: Any = None  # RunningMeanStd of observations; the library's own while it trains

    # -- training -----------------------------------------------------------------------------------------------------
    def train(self, interaction: Interaction) -> None:
        """Call `learn` once, because the library's schedules depend on the total.

        It returns when the budget is spent, or BudgetExceeded ends it in the middle of a rollout.
        """
        self.model = self.library(
            "MlpPolicy",
            self._environments(interaction),
            policy_kwargs=self.architecture(),
            seed=int(self.streams.sequence("sb3", 0).generate_state(1)[0] >> 1),
            device=self.device.name,
            **self._fields_of(self.library) | self.config.arguments(self.task),
        )
        self.network = self.model.policy
        self.model.learn(interaction.budget.steps, log_interval=None)

    def architecture(self) -> dict[str, Any]:
        """Return keyword arguments of the policy's class: fields that it has and the algorithm's class does not."""
        c, library = self.config, self._fields_of(self.library)
        own = {name: value for name, value in self._fields_of(self.network_class).items() if name not in library}
        own.pop("lr_schedule", None)
        return own | {"net_arch": list(c.net_arch), "activation_fn": self.activations[c.activation_fn]}

    def _fields_of(self, cls: type[Any]) -> dict[str, Any]:
        """Return the configuration's fields that the constructor of a class accepts."""
        known = inspect.signature(cls).parameters
        return {name: getattr(self.config, name) for name in self.config.__dataclass_fields__ if name in known}

    def _environments(self, interaction: Interaction) -> VecEnv:
        c = self.config
        envs = [interaction.make_env(0, rank) for rank in range(c.n_envs)]
        vector: VecEnv = DummyVecEnv([lambda env=env: env for env in envs])  # type: ignore[misc]
        if c.normalize_obs or c.normalize_reward:
            clips, gamma = (c.clip_obs, c.clip_reward), getattr(c, "gamma", GAMMA)
            vector = VecNormalize(vector, True, c.normalize_obs, c.normalize_reward, *clips, gamma, EPSILON)
            self.statistics = vector.obs_rms if c.normalize_obs else None
        return vector

    # -- the policy: observations [1, E, …] → actions [1, E, …] -------------------------------------------------------
    def act(self, obs: Any) -> Any:
        return self.network.predict(self.normalized(obs), deterministic=True)[0][None]

    def policy(self, mode: str = "greedy") -> Any:
        return self.sampled if mode == "sampled" and self.stochastic else super().policy(mode)

    def sampled(self, obs: Any, start: Any) -> Any:
        """Draw from the library's distribution, with numbers of the stream "evaluate" instead of torch's."""
        network, stream = self.network, "evaluate"
        with torch.no_grad():
            scaled = network.obs_to_tensor(self.normalized(obs))[0]
            if hasattr(network, "actor"):  # sac, tqc
                mean, log_std, _ = network.actor.get_action_dist_params(scaled)
                return network.unscale_action(np.tanh(self._normal(stream, mean, log_std.exp())))
            policy = network.get_distribution(scaled).distribution
            if isinstance(policy, torch.distributions.Categorical):
                edges = policy.probs.cumsum(-1)[..., :-1].cpu().numpy()  # [E, A − 1]
                return (self.streams.uniform(stream, len(edges), 1) > edges).sum(-1)
            space: Any = self.task.action_space
            return np.clip(self._normal(stream, policy.mean, policy.stddev), space.low, space.high)

    def _normal(self, stream: str, mean: torch.Tensor, std: torch.Tensor) -> Any:
        sample = mean.cpu().numpy() + std.cpu().numpy() * self.streams.normal(stream, *mean.shape)
        return sample.reshape(1, -1, *(self.task.action_space.shape or ()))

    def normalized(self, obs: Any) -> Any:
        """Return observations [E, …] as the networks take them. The statistics are not updated."""
        if self.statistics is None:
            return obs[0]
        scaled = (obs[0] - self.statistics.mean) / np.sqrt(self.statistics.var + EPSILON)
        return np.clip(scaled, -self.config.clip_obs, self.config.clip_obs).astype(np.float32)

    # -- checkpoints --------------------------------------------------------------------------------------------------
    def state(self) -> dict[str, Any]:
        state = {name: value[None].copy() for name, value in self.weights().items()}
        if self.statistics is not None:
            state |= {
                "obs_rms.mean": self.statistics.mean[None].copy(),
                "obs_rms.var": self.statistics.var[None].copy(),
            }
        return state

    def load_final_state(self, state: Mapping[str, Any]) -> None:
        """Load the policy for acting. It does not resume learning, so its learning rate does not matter."""
        arrays = {name: value[0] for name, value in state.items()}
        if self.config.normalize_obs:
            self.statistics = RunningMeanStd(shape=self.task.observation_space.shape or ())
            self.statistics.mean, self.statistics.var = arrays.pop("obs_rms.mean"), arrays.pop("obs_rms.var")
        self.rebuild(arrays)

    def weights(self) -> dict[str, Any]:
        """Return the policy's parameters as named arrays."""
        return {name: value.cpu().numpy() for name, value in self.network.state_dict().items()}

    def rebuild(self, arrays: Mapping[str, Any]) -> None:
        """Build the policy with these parameters."""
        scheduled = "lr_schedule" in inspect.signature(self.network_class).parameters  # ars has no optimiser
        rate = {"lr_schedule": LinearSchedule(0.0, 0.0, 1.0)} if scheduled else {}
        spaces = self.task.observation_space, self.task.action_space
        self.network = self.network_class(*spaces, **rate, **self.architecture()).to(self.device.name)
        self.network.load_state_dict({name: torch.from_numpy(value) for name, value in arrays.items()})
