"""The floor's formula against torch's own counting of the same updates, written with torch.nn."""

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.speed.flops import SIZES, forward, image_update, recurrent_update, seed_step, update
from benchmarks.speed.works import IMAGES, MEMORY, WORKS, Work


def network(*dims: int) -> nn.Sequential:
    layers = [layer for a, b in zip(dims, dims[1:]) for layer in (nn.Linear(a, b), nn.Tanh())]
    return nn.Sequential(*layers[:-1])


def frozen(net: nn.Module) -> nn.Module:
    return net.requires_grad_(False)


def play_update(work: Work) -> float:
    """The products of one update as the algorithm's paper has it, counted; TD3's with its actor's at full share."""
    (obs, out), hidden, c = SIZES[work.env_id], work.config["net_arch"], work.config
    if work.algorithm in ("ppo", "a2c"):
        size = c["batch_size"] if work.algorithm == "ppo" else c["n_envs"] * c["n_steps"]
        actor, critic, x = network(obs, *hidden, out), network(obs, *hidden, 1), torch.zeros(size, obs)
        with FlopCounterMode(display=False) as counter:
            (actor(x).sum() + critic(x).sum()).backward()
        return counter.get_total_flops()
    x = torch.zeros(c["batch_size"], obs)
    if work.algorithm == "dqn":
        online, target = network(obs, *hidden, out), frozen(network(obs, *hidden, out))
        with FlopCounterMode(display=False) as counter:
            (online(x).sum() - target(x).sum()).backward()
        return counter.get_total_flops()
    sac, ddpg = work.algorithm == "sac", work.algorithm == "ddpg"
    actor = network(obs, *hidden, 2 * out if sac else out)
    critics = [network(obs + out, *hidden, 1) for _ in range(1 if ddpg else 2)]
    targets = [frozen(network(obs + out, *hidden, 1)) for _ in critics]
    taken = torch.zeros(c["batch_size"], out)
    with FlopCounterMode(display=False) as counter:
        with torch.no_grad():
            following = torch.cat([x, actor(x)[:, :out]], 1)
            goal = sum(net(following) for net in targets)
        sum((net(torch.cat([x, taken], 1)) - goal).sum() for net in critics).backward()
        climbed = critics if sac else critics[:1]
        for net in climbed:
            frozen(net)
        chosen = torch.cat([x, actor(x)[:, :out]], 1)
        sum(net(chosen).sum() for net in climbed).backward()
    return counter.get_total_flops()


@pytest.mark.parametrize("work", WORKS, ids=lambda work: work.algorithm)
def test_products_of_an_update_are_what_torch_counts(work):
    everything = Work(work.algorithm, work.env_id, {**work.config, "policy_delay": 1}, 0)
    found = update(everything)
    assert found.forward + found.backward == play_update(work)


def test_a_delayed_actor_counts_by_its_share():
    td3 = next(work for work in WORKS if work.algorithm == "td3")
    each, half = (update(Work("td3", td3.env_id, {**td3.config, "policy_delay": d}, 0)).total for d in (1, 2))
    never = 2 * half - each  # linear in the share: what is left when the actor's share is none
    assert never > 0
    assert update(Work("td3", td3.env_id, {**td3.config, "policy_delay": 4}, 0)).total == pytest.approx(
        never + (each - never) / 4
    )


def test_a_step_of_ppo_is_in_every_epoch_once():
    """By hand: nets 4-64-64-2 and 4-64-64-1 have 4480 and 4416 weights; the first layer's input needs no gradient."""
    found = seed_step(WORKS[0])
    weights, first = 4480 + 4416, 2 * 4 * 64
    assert found.forward == 2 * weights * (10 + 1)
    assert found.backward == 2 * (2 * weights - first) * 10
    biases = 64 + 64 + 2 + 64 + 64 + 1
    assert found.optimiser == pytest.approx((weights + biases) * (13 + 3) * 10 / 64)


def test_forward_by_hand():
    assert forward((3, 5, 2), 7).forward == 2 * 7 * (15 + 10)


def test_products_of_an_update_on_images_are_what_torch_counts():
    size = IMAGES.config["batch_size"]
    body = nn.Sequential(nn.Conv2d(4, 16, 3), nn.ReLU(), nn.Flatten(), nn.Linear(1024, 128), nn.ReLU())
    policy, value = nn.Linear(128, 3), nn.Linear(128, 1)
    with FlopCounterMode(display=False) as counter:
        features = body(torch.zeros(size, 4, 10, 10))
        (policy(features).sum() + value(features).sum()).backward()
    found = image_update(IMAGES)
    assert found.forward + found.backward == counter.get_total_flops()
    modules = [*body.parameters(), *policy.parameters(), *value.parameters()]
    assert found.optimiser == 16 * sum(p.numel() for p in modules)


def test_products_of_an_update_with_a_memory_are_what_torch_counts():
    c, units = MEMORY.config, MEMORY.config["lstm_hidden_size"]
    sequences, total = c["batch_size"] // c["n_steps"], 0.0
    x = torch.zeros(c["n_steps"], sequences, len(MEMORY.keep))
    with FlopCounterMode(display=False) as counter:
        for out in (2, 1):
            of_inputs, of_hidden = nn.Linear(2, 4 * units), nn.Linear(units, 4 * units)
            hidden, outputs = torch.zeros(sequences, units), []
            for now in x:
                gates = of_inputs(now) + of_hidden(hidden)
                hidden = gates[:, :units].tanh()  # what the gates do has no products
                outputs.append(hidden)
            total = total + network(units, *c["net_arch"], out)(torch.stack(outputs).flatten(0, 1)).sum()
        total.backward()
    found = recurrent_update(MEMORY)
    assert found.forward + found.backward == pytest.approx(counter.get_total_flops())
