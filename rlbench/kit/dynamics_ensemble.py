"""Ensembles of networks that predict an environment: the next observation, the reward, and whether an episode ends.

Sources: Chua et al. 2018, arXiv:1805.12114 (probabilistic ensembles); Janner et al. 2019, arXiv:1906.08253 (elites);
Voelcker et al. 2024, arXiv:2412.14312, and arXiv:2510.01457 (the scale of targets decides whether the model helps).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch
from torch import Tensor

from rlbench.api import Device
from rlbench.kit.activations import softplus
from rlbench.kit.gradients import Loss, gradient_of
from rlbench.kit.kernel_choice import watched
from rlbench.kit.optimizers import Adam
from rlbench.kit.replay import Replay
from rlbench.kit.stacked_networks import MLP
from rlbench.seeding import SeedStreams

LOG_VARIANCE = (-10.0, 0.5)  # bounds of the predicted log variance of normalised targets
_PART = 5  # one transition in this many is held out
_LEAST_SCALE = 1e-6  # the scale of an input or target that hardly varies


class DynamicsEnsemble:
    """An ensemble of E networks for each of S seeds. A network maps observation and action to normal distributions.

    Each network has its own weights and minibatches. A fifth of the transitions is held out. Only the elites predict:
    the members of a seed under which the held-out transitions are likeliest. Each dimension of inputs and targets is
    normalised by its mean and standard deviation at the last training.

    sizes: the lengths of an observation and of an action. members: E, and the number of elites.
    predict: "delta": the change of the observation; "next": the next observation itself.
    """

    def __init__(
        self,
        sizes: tuple[int, int],
        members: tuple[int, int],
        net_arch: Sequence[int],
        learning_rate: float,
        streams: SeedStreams,
        device: Device,
        predict: Literal["delta", "next"] = "delta",
    ) -> None:
        self.obs_size, self.predict = sizes[0], predict
        self.members, elites = members
        self.num_seeds, self._streams, self._device = len(streams.seeds), streams, device.name
        inputs, targets = sum(sizes), self.obs_size + 1
        self.network = MLP((inputs, *net_arch, 2 * targets + 1), "silu")
        params = self.network.init(streams, "init model", self.members, device.name)
        self.params = params.view(self.num_seeds, -1)  # all members of a seed: [S, E·P]
        self.optimizer = Adam([self.params], learning_rate)
        self.gradient = gradient_of(self.loss, device, name="model")
        self.scales = {
            "input_mean": torch.zeros(self.num_seeds, inputs, device=device.name),
            "input_scale": torch.ones(self.num_seeds, inputs, device=device.name),
            "target_mean": torch.zeros(self.num_seeds, targets, device=device.name),
            "target_scale": torch.ones(self.num_seeds, targets, device=device.name),
        }
        self.elites = torch.arange(elites, device=device.name).repeat(self.num_seeds, 1)  # [S, K]

    # -- functions of tensors; M members (all, or the elites), B transitions of each -----------------------------
    @watched
    def outputs(self, params: Tensor, inputs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return means and log variances of normalised targets [S, M, B, T], and logits of termination [S, M, B].

        params: [S, M·P]. inputs: normalised, [S, M, B, obs + action]. The last target is the reward.
        """
        seeds, members, size, _ = inputs.shape
        flat = self.network(params.view(seeds * members, -1), inputs.contiguous().view(seeds * members, size, -1))
        mean, log_variance, end = flat.split([self.obs_size + 1, self.obs_size + 1, 1], -1)
        low, high = LOG_VARIANCE  # approached smoothly, so that there is always a gradient
        log_variance = high - softplus(high - log_variance)
        log_variance = low + softplus(log_variance - low)
        shape = seeds, members, size, -1
        return mean.view(shape), log_variance.view(shape), end.view(seeds, members, size)

    def losses(self, params: Tensor, inputs: Tensor, targets: Tensor, ended: Tensor) -> Tensor:
        """Return the mean negative log-likelihood of each member [S, M], without the constant ½ log 2π.

        targets: normalised, [S, M, B, T]. ended: 1 where the episode terminated, else 0, [S, M, B].
        """
        mean, log_variance, end = self.outputs(params, inputs)
        likelihood = 0.5 * ((targets - mean).square() * (-log_variance).exp() + log_variance)
        return likelihood.sum(-1).mean(-1) + (softplus(end) - ended * end).mean(-1)

    def loss(self, params: Tensor, inputs: Tensor, targets: Tensor, ended: Tensor) -> Loss:
        """Return the sum of the members' losses [S]. Members share nothing, so each gets its own gradient."""
        losses = self.losses(params, inputs, targets, ended)
        return losses.sum(-1), lambda: {"model_loss": losses.mean(-1)}

    # -- learning ------------------------------------------------------------------------------------------------
    def train(self, replay: Replay, steps: int, batch_size: int, active: Tensor) -> Any:
        """Take gradient steps on minibatches of each member, choose the elites, and return metrics of the last step.

        replay: transitions of the real environment, at least 5 of each seed.
        """
        self._fit_scales(replay)
        for _ in range(steps):
            draws = self._integers("model", replay.size - replay.size // _PART, batch_size)
            batch = self._batch(replay, draws + draws // (_PART - 1))
            grads, metrics = self.gradient([self.params], *batch)
            self.optimizer.apply([self.params], grads, active)
        held_out = self.losses(self.params, *self._held_out(replay, batch_size))
        order = torch.sort(held_out, stable=True).indices[:, : self.elites.shape[1]]  # NaN is last
        self.elites.copy_(torch.where(active.unsqueeze(1), order, self.elites))
        return metrics

    def assess(self, replay: Replay, batch_size: int) -> dict[str, Tensor]:
        """Return the elites' error and disagreement on held-out transitions [S], both in standard deviations.

        The error is the root mean squared error of the elites' mean prediction. The disagreement is the standard
        deviation between the elites' predictions.
        """
        inputs, targets, _ = self._held_out(replay, batch_size, "model assessed")
        mean = self.outputs(self.params, inputs)[0]
        chosen = mean.gather(1, self.elites[..., None, None].expand(-1, -1, *mean.shape[2:]))  # [S, K, B, T]
        error = (chosen.mean(1) - targets[:, 0]).square().mean((1, 2)).sqrt()
        return {"model_error": error, "model_disagreement": chosen.std(1, correction=0).mean((1, 2))}

    def _held_out(self, replay: Replay, size: int, stream: str = "model held out") -> tuple[Tensor, Tensor, Tensor]:
        """Draw `size` held-out transitions of each seed. All members of a seed get the same transitions."""
        draws = self._integers(stream, replay.size // _PART, size, members=1)
        return self._batch(replay, (_PART * draws + _PART - 1).expand(-1, self.members, -1))

    def _integers(self, stream: str, high: int, size: int, members: int = 0) -> Tensor:
        return torch.from_numpy(self._streams.integers(stream, high, members or self.members, size)).to(self._device)

    def _batch(self, replay: Replay, index: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return normalised inputs, normalised targets and terminations of the transitions at `index` [S, M, B]."""
        drawn = {n: t.view(*index.shape, *t.shape[2:]) for n, t in replay.sample(index.flatten(1)).items()}
        targets = torch.cat([self._target(drawn["obs"], drawn["next_obs"]), drawn["reward"].unsqueeze(-1)], -1)
        mean, scale = self.scales["target_mean"][:, None, None], self.scales["target_scale"][:, None, None]
        ended = (drawn["discount"] == 0).to(targets.dtype)
        return self._inputs(drawn["obs"], drawn["action"]), (targets - mean) / scale, ended

    def _inputs(self, obs: Tensor, action: Tensor) -> Tensor:
        mean, scale = self.scales["input_mean"][:, None, None], self.scales["input_scale"][:, None, None]
        return (torch.cat([obs, action], -1) - mean) / scale

    def _target(self, obs: Tensor, next_obs: Tensor) -> Tensor:
        return next_obs - obs if self.predict == "delta" else next_obs

    def _fit_scales(self, replay: Replay) -> None:
        """Compute means and standard deviations of inputs and targets, one seed at a time.

        A sum over all seeds at once could round differently.
        """
        for seed in range(self.num_seeds):
            obs, action, next_obs, reward = (
                replay.stored(name)[seed].double() for name in ("obs", "action", "next_obs", "reward")
            )
            target = torch.cat([self._target(obs, next_obs), reward.unsqueeze(-1)], -1)
            for name, numbers in (("input", torch.cat([obs, action], -1)), ("target", target)):
                self.scales[f"{name}_mean"][seed] = numbers.mean(0)
                self.scales[f"{name}_scale"][seed] = numbers.std(0, correction=0).clamp(min=_LEAST_SCALE)

    # -- predicting ----------------------------------------------------------------------------------------------
    @torch.no_grad()
    def step(self, obs: Tensor, action: Tensor, member: Tensor, normal: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Draw next observations [S, B, obs] and rewards [S, B], and return whether the episode terminates [S, B].

        obs, action: [S, B, …]. member: the index of the elite that predicts, [S, B]. normal: draws of N(0, 1),
        [S, B, T].
        """
        seeds, elites = self.elites.shape
        rows = self.params.view(seeds, self.members, -1)
        params = rows.gather(1, self.elites.unsqueeze(-1).expand(-1, -1, rows.shape[-1])).view(seeds, -1)
        inputs = self._inputs(obs.unsqueeze(1), action.unsqueeze(1)).expand(-1, elites, -1, -1)
        mean, log_variance, end = (_of_member(output, member) for output in self.outputs(params, inputs))
        drawn = mean + (0.5 * log_variance).exp() * normal
        drawn = drawn * self.scales["target_scale"].unsqueeze(1) + self.scales["target_mean"].unsqueeze(1)
        change, reward = drawn[..., :-1], drawn[..., -1]
        return obs + change if self.predict == "delta" else change, reward, end > 0

    def state(self) -> dict[str, Tensor]:
        optimizer = {f"optimizer.{name}": t for name, t in self.optimizer.state().items()}
        return {"params": self.params, "elites": self.elites, **self.scales, **optimizer}

    def load_state(self, state: Mapping[str, Any]) -> None:
        self.params.copy_(state["params"])
        self.elites.copy_(state["elites"])
        for name, scale in self.scales.items():
            scale.copy_(state[name])
        self.optimizer.load_state({name: state[f"optimizer.{name}"] for name in self.optimizer.state()})


def _of_member(outputs: Tensor, member: Tensor) -> Tensor:
    """Select one member's outputs for each transition: [S, K, B, …] → [S, B, …]. member: its index [S, B]."""
    index = member.unsqueeze(1).view(len(member), 1, -1, *[1] * (outputs.dim() - 3))
    return outputs.gather(1, index.expand(-1, 1, *outputs.shape[2:])).squeeze(1)
