"""rainbow: known answers, its update against torch's modules and a slow loop, and the promises every algorithm makes."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Discrete
from rlbench_rainbow.rainbow import Rainbow
from support.one_update import at_step_0

from rlbench import Device, SeedStreams, TaskInfo
from rlbench.envs.action_mask import MaskedBox
from rlbench.seeding import EpisodeSeeds
from rlbench.testing import play
from rlbench.testing.conformance import check_independence, check_resume
from rlbench.testing.fakes import CONSTANT, FORK, SHAPES

GAMMA, SPACE = 0.5, Box(-9, 9, (5,), np.float32)


def small(**more):
    given = {"net_arch": (32,), "stream_hidden": 16, "n_atoms": 11, "v_min": -3, "v_max": 3, "learning_starts": 30}
    return Rainbow.Config(**{**given, "buffer_size": 110, "batch_size": 16, "target_update_interval": 7, **more})


def untrained(space=SPACE, actions=3, seeds=(1, 2), **more):
    """An agent before its first step, its target another network than its online one."""
    task = TaskInfo("none", space, Discrete(actions), 1, 2000)
    agent, other = (Rainbow(small(**more), task, SeedStreams(s), Device()) for s in (seeds, [s + 100 for s in seeds]))
    agent.target.copy_(other.online)
    return agent


# -- the promises ----------------------------------------------------------------------------------------------------
CASES = {
    "1 action, batch 1, 2 atoms": ({"batch_size": 1, "n_atoms": 2}, 1, 120),
    "3 actions, batch 33, N 3, one step": (
        {"batch_size": 33, "n_envs": 3, "learning_starts": 33, "multi_step_returns": 1},
        3,
        180,
    ),
    "6 actions, batch 100, 51 atoms": ({"batch_size": 100, "n_atoms": 51, "v_min": -10, "v_max": 10}, 6, 120),
    "100-33 tanh, soft targets": ({"net_arch": (100, 33), "activation_fn": "tanh", "tau": 0.1}, 3, 90),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_a_run_does_not_depend_on_its_stack_mates(case):
    more, actions, steps = case
    check_independence(Rainbow, small(**more), SHAPES, steps, {"obs": 17, "actions": actions})


@pytest.mark.parametrize("more", [{}, {"n_envs": 2, "tau": 0.5, "multi_step_returns": 1}], ids=str)
def test_a_resumed_run_equals_one_in_one_go(more, tmp_path):
    assert 0 < check_resume(Rainbow, small(**more), SHAPES, 300, tmp_path, {"obs": 17, "actions": 3}) < 300


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_bad_number_in_one_seed_leaves_the_others_bits_alone(bad):
    poisoned = EpisodeSeeds(SeedStreams([8]).sequence("environment", 0, 0), "training")[2]
    kwargs = {"bad_seeds": [poisoned], "bad": bad, "end": 0.1}
    config = small(batch_size=8, learning_starts=10)
    played = play(Rainbow, config, SHAPES, [7, 8, 9], 200, kwargs=kwargs, every=64)
    assert set(played.outcome.failed) == {8} and played.outcome.diverged_at == {}
    for seed in (7, 9):
        assert played.of_seed(seed) == play(Rainbow, config, SHAPES, [seed], 200, kwargs=kwargs, every=64).of_seed(seed)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.filterwarnings("ignore")  # inductor's own
def test_compiled_runs_agree_in_every_stack_of_two_or_more():
    kwargs = {"obs": 17, "actions": 3}
    first, *others = [
        play(Rainbow, small(batch_size=33), SHAPES, seeds, 60, kwargs=kwargs, compile=True).of_seed(3)
        for seeds in ([7, 3], [3, 11, 5], [5, 3, 7])
    ]
    assert all(other == first for other in others)


# -- known answers -----------------------------------------------------------------------------------------------------
def learned_values(env_id, how, n_step, state):
    """Values learned in one state by actions that are all tried [S, A]."""
    config = Rainbow.Config(
        net_arch=(32,),
        stream_hidden=32,
        n_atoms=21,
        v_min=0,
        v_max=4,
        batch_size=32,
        learning_starts=900,  # random actions alone, then updates alone
        gamma=GAMMA,
        learning_rate="lin_1e-2",
        target_update_interval=20,
        multi_step_returns=n_step,
        gradient_steps=8,
    )
    agent = play(Rainbow, config, env_id, [0, 1], 1000, kwargs={"how": how}).algorithm
    obs = torch.tensor(state).expand(2, 1, 2)
    probs = agent.log_probs(agent.online, (None, None), obs).exp()
    return (probs * agent.atoms).sum(-1)[:, 0].detach().numpy()


@pytest.mark.parametrize("n_step", [1, 3])
@pytest.mark.parametrize(("how", "second"), [("terminated", 0.5), ("truncated", 1.0)])
def test_the_values_of_a_fork_are_exact(how, second, n_step):
    """Action 0 gives 0.6; action 1 gives γ · 1, or γ / (1 − γ) where the end is a cut."""
    values = learned_values(FORK, how, n_step, [1.0, 0.0])
    assert values == pytest.approx(np.array([[0.6, second]] * 2), abs=0.05)


@pytest.mark.parametrize(("how", "value"), [("terminated", 1.0), ("truncated", 1 / (1 - GAMMA))])
def test_truncation_bootstraps_but_termination_does_not(how, value):
    assert learned_values(CONSTANT, how, 3, [1.0, 1.0]) == pytest.approx(np.full((2, 2), value), abs=0.05)


# -- one update --------------------------------------------------------------------------------------------------------
def forward(agent, row, noise, obs):
    """Probabilities of the atoms [B, A, Z] of one seed by the papers' equations, in float64 and with matrices."""

    def weights(row, layers):
        parts = []
        for a, b in layers:
            width = -(-b // 16) * 16
            parts.append((row[: a * width].view(a, width)[:, :b], row[a * width : (a + 1) * width][:b]))
            row = row[(a + 1) * width :]
        return parts

    def stream(net, row, noise, x):
        half, layers = net.size // 2, net._mlp.layers
        means, scales, drawn = (weights(part, layers) for part in (row[:half], row[half:], noise))
        for i, ((w, b), (sw, sb), (ew, eb)) in enumerate(zip(means, scales, drawn)):
            x = x @ (w + sw * ew) + b + sb * eb
            x = x.relu() if i == 0 else x
        return x

    row, obs, noise = row.double(), obs.double(), [part.double() for part in noise]
    shared, value, advantage = row.split(agent.sizes)
    ((w, b),) = weights(shared, agent.shared.layers)
    features = (obs @ w + b).relu()
    gains = stream(agent.advantage, advantage, noise[1], features).view(len(obs), -1, agent.num_actions)
    logits = stream(agent.value, value, noise[0], features).unsqueeze(-1) + gains - gains.mean(-1, keepdim=True)
    return logits.softmax(1).transpose(1, 2)


@pytest.mark.parametrize("masked", [False, True])
def test_a_loss_its_errors_and_its_gradient_are_those_of_a_slow_loop(masked):
    space = MaskedBox(SPACE, 3) if masked else SPACE
    agent, generator = untrained(space), torch.Generator().manual_seed(0)
    obs, next_obs = torch.randn(2, 2, 7, 5, generator=generator)
    allowed = torch.rand(2, 7, 3, generator=generator) < 0.4
    allowed[..., 1] |= ~allowed.any(-1)
    full = [torch.cat([x, allowed.float()], -1) if masked else x for x in (obs, next_obs)]
    batch = {
        "obs": full[0],
        "action": allowed.float().argmax(-1),
        "reward": torch.randn(2, 7, generator=generator),
        "next_obs": full[1],
        "discount": 0.7 * (torch.rand(2, 7, generator=generator) < 0.7),
        "weight": torch.rand(2, 7, generator=generator),
    }
    noise = [agent.noise("update") for _ in range(3)]
    drawn, given = list(noise), dict(batch)
    agent.noise = lambda stream: drawn.pop(0)
    seen = {}
    agent.optimizer = SimpleNamespace(
        set_lr=lambda lr: None, apply=lambda params, grads, active: seen.update(grad=grads[0])
    )
    agent.replay = SimpleNamespace(
        sample=lambda uniform, beta: (None, dict(given)), update=lambda index, error, active: seen.update(error=error)
    )
    agent.config = small(max_grad_norm=1e9)
    agent.learn(at_step_0(np.ones(2, bool)))
    atoms = torch.linspace(-3, 3, 11, dtype=torch.float64)
    for s in range(2):
        row = agent.online[s].clone().requires_grad_()
        parts = [[part[s] for part in noise[k]] for k in range(3)]
        probs = forward(agent, row, parts[0], obs[s])
        chooser = (forward(agent, agent.online[s], parts[1], next_obs[s]) * atoms).sum(-1)
        target, losses = forward(agent, agent.target[s], parts[2], next_obs[s]), []
        for b in range(7):
            choices = allowed[s, b].nonzero().ravel().tolist() if masked else range(3)
            best = max(choices, key=lambda a: chooser[b, a].item())
            goal = torch.zeros(11, dtype=torch.float64)
            for p, z in zip(target[b, best], atoms):
                value = batch["reward"][s, b].item() + batch["discount"][s, b].item() * z.item()
                place = (min(max(value, -3), 3) + 3) / 0.6
                low = min(math.floor(place), 9)
                goal[low] += p.item() * (low + 1 - place)
                goal[low + 1] += p.item() * (place - low)
            goal = goal.clamp(min=1e-30)
            losses.append((goal * (goal.log() - probs[b, batch["action"][s, b]].log())).sum())
        assert seen["error"][s] == pytest.approx([loss.item() for loss in losses], abs=1e-5)
        (batch["weight"][s] * torch.stack(losses)).mean().backward()
        assert torch.allclose(seen["grad"][s], row.grad, atol=1e-5, rtol=1e-3)


def test_noise_explores_and_evaluation_has_none():
    agent = untrained(actions=6)
    obs = torch.randn(2, 1, 5).expand(2, 40, 5)
    tried = {tuple(agent.greedy(agent.online, agent.noise("act"), obs)[:, 0].tolist()) for _ in range(40)}
    assert len(tried) > 3
    assert len({tuple(agent.act(obs.numpy())[:, 0]) for _ in range(5)}) == 1


def test_the_next_action_is_chosen_by_the_online_network_under_noise_of_its_own():
    agent = untrained()
    calls, log_probs = [], agent.log_probs
    agent.log_probs = lambda params, noise, obs: calls.append((params, noise)) or log_probs(params, noise, obs)
    noise = [agent.noise("update") for _ in range(3)]
    assert not any(torch.equal(noise[i][0], noise[j][0]) for i, j in ((0, 1), (0, 2), (1, 2)))
    obs, column = torch.randn(2, 4, 5), torch.zeros(2, 4)
    batch = SimpleNamespace(obs=obs, next_obs=obs + 1, action=column.long(), reward=column, discount=column + 1)
    agent.td_loss(agent.online, agent.target, batch, column + 1, noise)
    online, target = agent.online, agent.target
    assert [torch.equal(p, online) for p, _ in calls] == [True, False, True] and torch.equal(calls[1][0], target)
    assert [next(i for i in range(3) if noise[i] is given) for _, given in calls] == [1, 2, 0]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"net_arch": ()}, "at least one shared layer"),
        ({"v_min": 3, "v_max": 3}, "v_min 3 must be below v_max 3"),
        ({"v_min": -math.inf}, "-inf to 3 should be a finite range"),
        ({"v_min": math.nan}, "nan to 3 should be a finite range"),
        ({"v_min": 1e8, "v_max": 1e8 + 50}, "wide enough for 11 numbers of float32"),
        ({"multi_step_returns": 5, "n_envs": 8}, "for multi_step_returns 5"),
        ({"batch_size": 200}, "is smaller than batch_size"),
    ],
    ids=str,
)
def test_numbers_that_cannot_work_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        small(**wrong)
