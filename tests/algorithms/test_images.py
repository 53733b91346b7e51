"""Learning from images: what is learned, alone and stacked, interrupted, and beside Stable-Baselines3's update."""

from types import SimpleNamespace

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Discrete
from rlbench_a2c.a2c import A2C
from rlbench_a3c.a3c import A3C
from rlbench_double_dqn.double_dqn import DoubleDQN
from rlbench_dqn.dqn import DQN
from rlbench_dueling_dqn.dueling_dqn import DuelingDQN
from rlbench_per_dqn.per_dqn import PERDQN
from rlbench_ppo.ppo import PPO
from rlbench_qrdqn.qrdqn import QRDQN
from rlbench_rainbow.rainbow import Rainbow
from support.image_worlds import DOTS, SIGNS
from support.one_update import at_step_0, learn_from
from support.torch_modules import image_module_of
from torch import nn

from rlbench import Device, SeedStreams, TaskInfo
from rlbench.api import Wrapper
from rlbench.kit import Batch
from rlbench.suites.compatibility import adapted
from rlbench.testing import play

IMAGES = Box(0, 255, (2, 6, 6), np.uint8)
VALUES = {"net_arch": (16,), "batch_size": 8, "learning_starts": 20, "learning_rate": 1e-3, "train_freq": 4}
POLICY = {"net_arch": (16,), "n_envs": 2, "n_steps": 8}
CONFIGS = {
    DQN: VALUES,
    DoubleDQN: VALUES,
    DuelingDQN: VALUES,
    PERDQN: VALUES,
    QRDQN: VALUES | {"n_quantiles": 5},
    Rainbow: VALUES | {"n_atoms": 5, "stream_hidden": 16},
    PPO: POLICY | {"batch_size": 8, "n_epochs": 2},
    A2C: POLICY,
}
each = pytest.mark.parametrize("algorithm", CONFIGS, ids=lambda a: a.__name__)


@each
def test_a_seed_is_the_same_alone_and_in_a_stack(algorithm):
    config = algorithm.Config(**CONFIGS[algorithm])
    alone, stacked = (play(algorithm, config, DOTS, seeds, 160, every=80) for seeds in ([3], [1, 3, 5]))
    assert alone.of_seed(3) == stacked.of_seed(3)
    assert any(not np.array_equal(a, b) for a, b in zip(stacked.learned["online" if "online" in stacked.learned else "actor"], alone.learned["online" if "online" in alone.learned else "actor"]))  # fmt: skip


@each
def test_images_stay_bytes_in_what_is_stored(algorithm):
    info = TaskInfo("none", IMAGES, Discrete(2), CONFIGS[algorithm].get("n_envs", 1), 200)
    agent = algorithm(algorithm.Config(**CONFIGS[algorithm]), info, SeedStreams([0]), Device())
    store = agent.replay if hasattr(agent, "replay") else agent.rollout
    stored = getattr(store, "_fields", None) or store.ring._fields
    assert stored["obs"].dtype == stored["next_obs"].dtype == torch.uint8


@pytest.mark.slow
@pytest.mark.parametrize(
    "algorithm, more, steps",
    [
        (DQN, {"batch_size": 32, "learning_starts": 200, "exploration_fraction": 0.3, "gamma": 0.0}, 3_000),
        (
            PPO,
            {"n_envs": 8, "n_steps": 32, "batch_size": 64, "n_epochs": 6, "learning_rate": 3e-3, "gamma": 0.0},
            6_000,
        ),
    ],
    ids=["dqn", "ppo"],
)
def test_it_finds_the_half_of_the_image_where_the_dot_is(algorithm, more, steps):
    config = algorithm.Config(**{**CONFIGS[algorithm], "net_arch": (64,), **more})
    played = play(algorithm, config, DOTS, [0, 1, 2], steps, final_episodes=40)
    scores = [e.return_mean for e in played.sink.evaluations if e.kind == "final"]
    assert min(scores) >= 4.75  # of 5; chance has 2.5


PACKED = (Wrapper("rlbench.envs.packed_observation:PackedObservation"),)


@each
def test_images_and_numbers_are_learned_from_alone_as_in_a_stack(algorithm):
    config = algorithm.Config(**CONFIGS[algorithm])
    alone, stacked = (play(algorithm, config, SIGNS, s, 160, every=80, wrappers=PACKED) for s in ([3], [1, 3, 5]))
    assert alone.of_seed(3) == stacked.of_seed(3)


@pytest.mark.slow
def test_it_finds_the_half_where_only_a_number_beside_the_image_says_which_is_meant():
    more = {"n_envs": 8, "n_steps": 32, "batch_size": 64, "n_epochs": 10, "gamma": 0.0, "activation_fn": "relu"}
    config = PPO.Config(**{**CONFIGS[PPO], "net_arch": (64,), **more})
    played = play(PPO, config, SIGNS, [0, 1, 2], 8_000, kwargs={"side": 4}, final_episodes=40, wrappers=PACKED)
    scores = [e.return_mean for e in played.sink.evaluations if e.kind == "final"]
    assert min(scores) >= 4.5  # of 5; chance, or either part alone, has 2.5


def test_a_worker_of_a3c_learns_from_images():
    config = A3C.Config(net_arch=(16,), n_steps=5, n_workers=1)
    played = play(A3C, config, DOTS, [0], 60)
    assert played.outcome.steps == 60 and not played.outcome.diverged_at


def test_images_of_true_and_false_become_bytes_of_255():
    from support.image_worlds import Dots

    from rlbench.api import Supports, Task
    from rlbench.envs.image_observation import ImageObservation

    env = ImageObservation(Dots(flags=True))
    obs, _ = env.reset(seed=1)
    assert obs.shape == (2, 6, 6) and obs.dtype == np.uint8 and sorted(set(obs.ravel().tolist())) == [0, 255]
    space = Dots(flags=True).observation_space
    task, (shown, _) = adapted(Task("X-v0", 1), (space, Discrete(2)), Supports(discrete=True, pixels=True))
    assert [w.name.partition(":")[2] for w in task.wrappers] == ["ImageObservation"] and shown == env.observation_space
    task, (shown, _) = adapted(Task("X-v0", 1), (space, Discrete(2)), Supports(discrete=True))
    assert [w.name.partition(":")[2] for w in task.wrappers] == ["FlatObservation"] and shown.shape == (72,)


def test_normalize_obs_is_refused_for_images():
    info = TaskInfo("none", IMAGES, Discrete(2), 2, 200)
    with pytest.raises(ValueError, match="normalize_obs is for vectors"):
        PPO(PPO.Config(**POLICY, batch_size=8, normalize_obs=True), info, SeedStreams([0]), Device())


def test_rewards_that_are_learned_from_are_clipped_and_those_measured_are_not():
    class Seen(DQN):
        def train(self, interaction):
            super().train(interaction)
            self.stored = self.replay.stored("reward").clone()

    config = DQN.Config(**VALUES, clip_reward=0.25)
    played = play(Seen, config, DOTS, [0], 100)
    assert played.algorithm.stored.max() == 0.25
    assert max(e.return_ for e in played.sink.episodes) > 1


# -- beside Stable-Baselines3 ------------------------------------------------------------------------------------------
S, SHAPE = 1, (4, 40, 36)
SPACE = Box(0, 255, SHAPE, np.uint8)


class Spaces(gymnasium.Env):
    observation_space, action_space = SPACE, Discrete(3)


def copied(net, row, modules):
    """Give the library's layers the numbers of a row of ours."""
    own = [m for m in image_module_of(net, row).modules() if isinstance(m, (nn.Conv2d, nn.Linear))]
    assert [tuple(a.weight.shape) for a in own] == [tuple(b.weight.shape) for b in modules]
    for ours, theirs in zip(own, modules):
        theirs.weight.data.copy_(ours.weight.data)
        theirs.bias.data.copy_(ours.bias.data)
    return own


def layers_of(module):
    return [m for m in module.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]


def largest_difference(ours, theirs):
    return max(
        float((a.detach() - b.detach()).abs().max())
        for one, other in zip(ours, theirs)
        for a, b in ((one.weight, other.weight), (one.bias, other.bias))
    )


def test_an_update_of_dqn_on_images_is_the_librarys(monkeypatch):
    sb3 = pytest.importorskip("stable_baselines3", reason="needs the extra `sb3`")
    from stable_baselines3.common.buffers import ReplayBufferSamples

    common = {"gamma": 0.9, "learning_rate": 1e-3, "batch_size": 12, "buffer_size": 100, "learning_starts": 20}
    common |= {"train_freq": 1, "gradient_steps": 1, "max_grad_norm": 0.7}
    info = TaskInfo("none", SPACE, Discrete(3), 1, 1000)
    agent, other = (
        DQN(DQN.Config(net_arch=(512,), **common), info, SeedStreams(s), Device()) for s in ([0, 1], [7, 8])
    )
    agent.target.copy_(other.online)
    peer = sb3.DQN("CnnPolicy", Spaces(), device="cpu", policy_kwargs={"net_arch": []}, **common)
    net = agent.network.network
    copied(net, agent.online[S], layers_of(peer.q_net))
    copied(net, agent.target[S], layers_of(peer.q_net_target))
    generator = torch.Generator().manual_seed(0)
    size = int(np.prod(SHAPE))
    obs, next_obs = torch.randint(256, (2, 2, 12, size), generator=generator, dtype=torch.uint8)
    action, reward = torch.randint(3, (2, 12), generator=generator), torch.randn(2, 12, generator=generator)
    batch = Batch(obs, action, reward, next_obs, 0.9 * (torch.rand(2, 12, generator=generator) < 0.7))
    before = agent.online.clone()
    learn_from(agent, batch)
    images = (x[S].view(12, *SHAPE) for x in (obs, next_obs))
    first, then = images
    done, column = (batch.discount[S] == 0).float().unsqueeze(1), batch.reward[S].unsqueeze(1)
    samples = ReplayBufferSamples(first, action[S].unsqueeze(1), then, done, column)
    monkeypatch.setattr(peer.replay_buffer, "sample", lambda size, env=None: samples)
    peer._logger = sb3.common.logger.Logger(None, [])
    peer.train(1, 12)
    ours = layers_of(image_module_of(net, agent.online[S]))
    assert largest_difference(ours, layers_of(peer.q_net)) <= 1e-4
    assert (agent.online - before).abs().max() > 5e-4


def test_an_update_of_ppo_on_images_is_the_librarys(monkeypatch):
    sb3 = pytest.importorskip("stable_baselines3", reason="needs the extra `sb3`")
    from stable_baselines3.common.vec_env import DummyVecEnv

    envs, steps, size = 2, 8, int(np.prod(SHAPE))
    common = {"gamma": 0.9, "gae_lambda": 0.8, "ent_coef": 0.01, "max_grad_norm": 0.5, "learning_rate": 3e-2}
    common |= {"n_steps": steps, "batch_size": envs * steps, "n_epochs": 2, "normalize_advantage": False}
    config = PPO.Config(n_envs=envs, net_arch=(512,), activation_fn="relu", shared=True, adam_eps=0.1, **common)
    agent = PPO(config, TaskInfo("none", SPACE, Discrete(3), envs, 1000), SeedStreams([0, 1]), Device())
    policy = {"net_arch": [], "optimizer_kwargs": {"eps": 0.1}}
    peer = sb3.PPO("CnnPolicy", DummyVecEnv([Spaces] * envs), policy_kwargs=policy, device="cpu", **common)
    generator = torch.Generator().manual_seed(0)
    for row in agent.params:
        row += 0.02 * torch.randn(row.shape, generator=generator)
    network = agent.actor._network
    extractor = layers_of(peer.policy.features_extractor)
    copied(network, agent.params[0][S], [*extractor, peer.policy.action_net])
    head = agent.params[1][S]
    peer.policy.value_net.weight.data.copy_(head[: 512 * 16].view(512, 16)[:, :1].T)
    peer.policy.value_net.bias.data.copy_(head[512 * 16 :][:1])
    obs = torch.randint(256, (2, steps + 1, envs, size), generator=generator, dtype=torch.uint8)
    action = torch.randint(3, (2, steps, envs), generator=generator)
    here = agent.actor(agent.params[0], obs[:, :-1].flatten(1, 2))
    log_prob = agent.dist.log_prob(*here, action.flatten(1, 2)).view(2, steps, envs)
    never = torch.zeros(2, steps, envs, dtype=torch.bool)
    reward = torch.randn(2, steps, envs, generator=generator)
    rollout = {"obs": obs[:, :-1], "next_obs": obs[:, 1:], "action": action, "log_prob": log_prob, "reward": reward}
    agent.rollout = SimpleNamespace(tensors=lambda: {**rollout, "terminated": never, "cut": never})
    order = np.arange(envs * steps)
    agent.streams = SimpleNamespace(permutations=lambda name, count: np.stack([order, order]))
    before = agent.params[0].clone()
    agent.learn(at_step_0(np.ones(2, bool)))
    peer._logger = sb3.common.logger.Logger(None, [])
    buffer = peer.rollout_buffer
    buffer.reset()
    with torch.no_grad():
        for t in range(steps):
            images = obs[S, t].view(envs, *SHAPE)
            value, last = (peer.policy.predict_values(obs[S, i].view(envs, *SHAPE)) for i in (t, t + 1))
            buffer.add(
                images.numpy(),
                action[S, t].numpy()[:, None],
                reward[S, t].numpy(),
                np.zeros(envs),
                value,
                log_prob[S, t],
            )
        buffer.compute_returns_and_advantage(last, np.zeros(envs))
    peer.train()
    ours = layers_of(image_module_of(network, agent.params[0][S]))
    assert largest_difference(ours, [*extractor, peer.policy.action_net]) <= 1e-4
    assert (agent.params[0] - before).abs().max() > 1e-2
