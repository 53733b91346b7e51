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
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv, VecNormalize, VecTransposeImage

from rlbench import Algorithm, Device, Interaction, SeedStreams, TaskInfo
from rlbench_sb3.metric_logger import MetricLogger
from rlbench_sb3.parameters import Learner
from rlbench_sb3.spaces import library_view, shown_actions, shown_observations

GAMMA, EPSILON = 0.99, 1e-8  # VecNormalize's own defaults


class LibraryAlgorithm(Algorithm):
    """The library's algorithm for one seed. Its environments come from `interaction.make_env`.

    library: the algorithm's class. network_class: the class of its MlpPolicy; the library itself has the classes for
    images and Dicts. stochastic: whether the policy can be evaluated as "sampled". loss_name: rlbench's name for the
    metric that the library logs as "loss".
    """

    library: ClassVar[type[Any]]
    network_class: ClassVar[type[Any]]
    stochastic: ClassVar[bool] = False
    loss_name: ClassVar[str] = "loss"
    activations: ClassVar[Mapping[str, Any]] = {"relu": torch.nn.ReLU, "tanh": torch.nn.Tanh}
    config: Learner

    def __init__(self, config: Learner, task: TaskInfo, streams: SeedStreams, device: Device) -> None:
        super().__init__(config, task, streams, device)
        self.network: Any = None  # the model's policy, once training has begun or a policy is loaded
        self.statistics: dict[str, Any] = {}  # the library's RunningMeanStd for each part of the observation
        self.shown = shown_observations(task.observation_space)
        self.action_space, self.as_actions = shown_actions(task.action_space)

    # -- training -----------------------------------------------------------------------------------------------------
    def train(self, interaction: Interaction) -> None:
        """Call `learn` once, because the library's schedules depend on the total number of steps.

        `learn` returns when the budget is spent. If that happens within a rollout, BudgetExceeded ends it.
        """
        self.model = self.library(
            self.policy_class,
            self._environments(interaction),
            policy_kwargs=self.architecture(),
            seed=int(self.streams.sequence("sb3", 0).generate_state(1)[0] >> 1),
            device=self.device.name,
            **self._fields_of(self.library) | self.config.arguments(self.task),
        )
        self.network = self.model.policy
        self.model.set_logger(MetricLogger(interaction, self.loss_name))
        self.model.learn(interaction.budget.steps, log_interval=None)

    def architecture(self) -> dict[str, Any]:
        """Return the settings that the policy's class accepts and the algorithm's class does not."""
        c, library = self.config, self._fields_of(self.library)
        own = {name: value for name, value in self._fields_of(self.policy_class).items() if name not in library}
        own.pop("lr_schedule", None)
        return own | {"net_arch": list(c.net_arch), "activation_fn": self.activations[c.activation_fn]}

    @property
    def policy_class(self) -> type[Any]:
        """The class of the policy for the task's kind of observations."""
        kind = self.shown.policy
        return self.network_class if kind == "MlpPolicy" else self.library.policy_aliases[kind]

    def _fields_of(self, cls: type[Any]) -> dict[str, Any]:
        """Return the configuration's fields that the constructor of a class accepts."""
        known = inspect.signature(cls).parameters
        return {name: getattr(self.config, name) for name in self.config.__dataclass_fields__ if name in known}

    def _environments(self, interaction: Interaction) -> VecEnv:
        c = self.config
        envs = [library_view(interaction.make_env(0, rank)) for rank in range(c.n_envs)]
        vector: VecEnv = DummyVecEnv([lambda env=env: env for env in envs])  # type: ignore[misc]
        if self.shown.policy != "MlpPolicy":
            vector = VecTransposeImage(vector, skip=True)  # channels are first; without this, the library would guess
        scaled = self.shown.scaled if c.normalize_obs else ()
        if scaled or c.normalize_reward:
            clips, gamma = (c.clip_obs, c.clip_reward), getattr(c, "gamma", GAMMA)
            keys = list(scaled) if scaled and self.shown.policy == "MultiInputPolicy" else None
            vector = VecNormalize(vector, True, bool(scaled), c.normalize_reward, *clips, gamma, EPSILON, keys)
            self.statistics = {} if not scaled else vector.obs_rms if keys else {"": vector.obs_rms}
        return vector

    # -- the policy: observations [1, E, …] → actions [1, E, …] -------------------------------------------------------
    def act(self, obs: Any) -> Any:
        return self.as_actions(self.network.predict(self.normalized(obs), deterministic=True)[0])[None]

    def policy(self, mode: str = "greedy") -> Any:
        return self.sampled if mode == "sampled" and self.stochastic else super().policy(mode)

    def sampled(self, obs: Any, start: Any) -> Any:
        """Draw from the library's distribution, with random numbers from the stream "evaluate" instead of torch's."""
        network, stream = self.network, "evaluate"
        with torch.no_grad():
            scaled = network.obs_to_tensor(self.normalized(obs))[0]
            if hasattr(network, "actor"):  # sac, tqc
                mean, log_std, _ = network.actor.get_action_dist_params(scaled)
                return network.unscale_action(np.tanh(self._normal(stream, mean, log_std.exp())))
            policy = network.get_distribution(scaled).distribution
            if isinstance(policy, torch.distributions.Categorical):
                return self._drawn(policy)
            if isinstance(policy, list):  # MultiDiscrete: a distribution for each number
                return self.as_actions(np.stack([self._drawn(one)[0] for one in policy], -1))[None]
            if isinstance(policy, torch.distributions.Bernoulli):
                ones = policy.probs.cpu().numpy()  # [E, K]
                return self.as_actions(self.streams.uniform(stream, *ones.shape)[0] < ones)[None]
            space: Any = self.task.action_space
            return np.clip(self._normal(stream, policy.mean, policy.stddev), space.low, space.high)

    def _drawn(self, policy: Any) -> Any:
        """Draw from categorical distributions. Returns: [1, E]."""
        edges = policy.probs.cumsum(-1)[..., :-1].cpu().numpy()  # [E, A − 1]
        return (self.streams.uniform("evaluate", len(edges), 1) > edges).sum(-1)

    def _normal(self, stream: str, mean: torch.Tensor, std: torch.Tensor) -> Any:
        sample = mean.cpu().numpy() + std.cpu().numpy() * self.streams.normal(stream, *mean.shape)
        return sample.reshape(1, -1, *(self.task.action_space.shape or ()))

    def normalized(self, obs: Any) -> Any:
        """Convert observations [E, …] to the networks' inputs. The statistics are not updated."""
        shown = self.shown.of(obs[0])
        if not self.statistics:
            return shown
        if not isinstance(shown, dict):
            return self._scaled(shown, self.statistics[""])
        return shown | {key: self._scaled(shown[key], moments) for key, moments in self.statistics.items()}

    def _scaled(self, values: Any, moments: RunningMeanStd) -> Any:
        scaled = (values - moments.mean) / np.sqrt(moments.var + EPSILON)
        return np.clip(scaled, -self.config.clip_obs, self.config.clip_obs).astype(np.float32)

    # -- checkpoints --------------------------------------------------------------------------------------------------
    def state(self) -> dict[str, Any]:
        state = {name: value[None].copy() for name, value in self.weights().items()}
        for key, moments in self.statistics.items():
            state |= {
                f"{_moments(key)}.mean": moments.mean[None].copy(),
                f"{_moments(key)}.var": moments.var[None].copy(),
            }
        return state

    def load_final_state(self, state: Mapping[str, Any]) -> None:
        """Load the policy for acting. It is not trained further, so its learning rate does not matter."""
        arrays = {name: value[0] for name, value in state.items()}
        for key in self.shown.scaled if self.config.normalize_obs else ():
            mean, var = arrays.pop(f"{_moments(key)}.mean"), arrays.pop(f"{_moments(key)}.var")
            self.statistics[key] = RunningMeanStd(shape=mean.shape)
            self.statistics[key].mean, self.statistics[key].var = mean, var
        self.rebuild(arrays)

    def weights(self) -> dict[str, Any]:
        """Return the policy's parameters as named arrays."""
        return {name: value.cpu().numpy() for name, value in self.network.state_dict().items()}

    def rebuild(self, arrays: Mapping[str, Any]) -> None:
        """Build the policy with these parameters."""
        scheduled = "lr_schedule" in inspect.signature(self.policy_class).parameters  # ars has no optimiser
        rate = {"lr_schedule": LinearSchedule(0.0, 0.0, 1.0)} if scheduled else {}
        spaces = self.shown.space, self.action_space
        self.network = self.policy_class(*spaces, **rate, **self.architecture()).to(self.device.name)
        self.network.load_state_dict({name: torch.from_numpy(value) for name, value in arrays.items()})


def _moments(key: str) -> str:
    """Return the name of a part's mean and variance in a published policy."""
    return f"obs_rms.{key}" if key else "obs_rms"
