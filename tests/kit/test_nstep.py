"""Transitions over several steps, against a slow loop over whole episodes."""

from dataclasses import fields

import numpy as np
import pytest
import torch

from rlbench.api import Transition
from rlbench.kit import Field, pack, unpack
from rlbench.kit.multi_step import NStep

GAMMA = 0.5  # its powers and sums of small whole rewards are exact
S, N, OBS = 2, 3, 2


def random_steps(count, end=0.3, seed=0):
    """Steps of S × N environments; obs holds (a number of its own, 0), next_obs the next number, also at an end."""
    rng, number = np.random.default_rng(seed), np.arange(S * N, dtype=np.float32).reshape(S, N) * 10_000
    for _ in range(count):
        obs, following = (np.stack([x, 0 * x], -1) for x in (number, number + 1))
        over, kind = rng.random((S, N)) < end, rng.random((S, N)) < 0.5
        terminated, truncated = over & kind, over & ~kind
        truncated |= terminated & (rng.random((S, N)) < 0.2)  # both at once: it has terminated
        action, reward = rng.integers(5, size=(S, N)), rng.integers(-4, 5, size=(S, N)).astype(np.float64)
        yield Transition(
            obs=obs, action=action, reward=reward, next_obs=following, terminated=terminated, truncated=truncated
        )
        number = number + np.where(over, 100, 1)  # a new episode begins elsewhere


def slow(steps, n, s, e):
    """Of one environment: (obs, action, n-step reward, successor, discount) beginning at each step, by the book."""
    found = []
    for begin in range(len(steps) - n + 1):
        reward, discount = 0.0, 1.0
        for t in steps[begin : begin + n]:
            reward += discount * t.reward[s, e]
            discount *= GAMMA
            last = t
            if t.terminated[s, e]:
                discount = 0.0
            if t.terminated[s, e] or t.truncated[s, e]:
                break
        first = steps[begin]
        found.append((first.obs[s, e, 0], first.action[s, e], reward, last.next_obs[s, e, 0], discount))
    return found


def arrays(t):
    values = {field.name: getattr(t, field.name) for field in fields(t)}
    return {name: value for name, value in values.items() if value is not None}  # of a single agent


def collect(window, steps):
    return [found for found in (window.add(t) for t in steps) if found is not None]


def window(n):
    return NStep(S, N, n, GAMMA, OBS, Field(dtype=torch.int64))


@pytest.mark.parametrize("end", [0.0, 0.3, 0.9])
@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_every_step_begins_one_transition_and_it_is_the_one_of_the_slow_loop(n, end):
    steps = list(random_steps(40, end))
    found = collect(window(n), steps)
    assert len(found) == 40 - n + 1
    for s, e in np.ndindex(S, N):
        fast = [
            (
                f["obs"][s, e, 0],
                f["action"][s, e],
                f["reward"][s, e],
                f["next_obs"][s, e, 0],
                f["discount"][s, e],
            )
            for f in found
        ]
        assert fast == slow(steps, n, s, e)


def test_truncation_bootstraps_from_the_true_successor_and_termination_does_not():
    """Rewards 1, 2, 4; the second step ends the episode: 1 + γ·2 = 2, then γ² or nothing, and never the third step."""
    for how, discount in (("terminated", 0.0), ("truncated", 0.25)):
        part, found = NStep(1, 1, 3, GAMMA, 1, Field(dtype=torch.int64)), None
        for i, reward in enumerate([1.0, 2.0, 4.0]):
            ends = {flag: np.array([[i == 1 and flag == how]]) for flag in ("terminated", "truncated")}
            obs = np.full((1, 1, 1), 10.0 * i, np.float32)
            given = {"action": np.array([[0]]), "reward": np.array([[reward]]), "next_obs": obs + 1}
            found = part.add(Transition(obs=obs, **given, **ends))
        assert {k: v.item() for k, v in found.items()} == {
            "obs": 0,
            "action": 0,
            "reward": 2,
            "next_obs": 11,
            "discount": discount,
        }


def test_with_one_step_it_gives_what_it_takes():
    for t in random_steps(20):
        found = window(1).add(t)
        assert (found["obs"] == t.obs).all() and (found["next_obs"] == t.next_obs).all()
        assert (found["action"] == t.action).all() and (found["reward"] == t.reward).all()
        assert (found["discount"] == np.where(t.terminated, 0, GAMMA)).all()


def test_what_was_given_is_not_written_to_again_and_nothing_taken_is_kept_by_reference():
    steps, part = list(random_steps(12)), window(3)
    found, copies = [], []
    for t in steps:
        given = part.add(t)
        for array in arrays(t).values():
            array[...] = 0
        if given is not None:
            found.append(given)
            copies.append({name: array.copy() for name, array in given.items()})
    for given, copy in zip(found, copies):
        assert all((given[name] == copy[name]).all() for name in copy)
    again = collect(window(3), random_steps(12))
    assert all((a[name] == b[name]).all() for a, b in zip(found, again) for name in a)


def test_continuous_actions_and_observations_of_any_shape_are_taken():
    part = NStep(S, N, 1, GAMMA, 6, Field((2,)))
    obs, flag = np.arange(S * N * 6, dtype=np.float32).reshape(S, N, 2, 3), np.zeros((S, N), bool)
    given = {"action": obs[..., 0], "reward": flag.astype(float), "next_obs": obs}
    found = part.add(Transition(obs=obs, **given, terminated=flag, truncated=flag))
    assert (found["obs"] == obs.reshape(S, N, 6)).all() and (found["action"] == obs[..., 0]).all()


def test_a_seeds_transitions_do_not_depend_on_its_stack_mates():
    part = NStep(1, N, 3, 0.97, OBS, Field(dtype=torch.int64))
    alone = collect(part, [Transition(**{name: x[1:] for name, x in arrays(t).items()}) for t in random_steps(30)])
    stacked = collect(NStep(S, N, 3, 0.97, OBS, Field(dtype=torch.int64)), random_steps(30))
    for a, b in zip(alone, stacked):
        assert all(a[name].tobytes() == b[name][1:].tobytes() for name in a)


@pytest.mark.parametrize("at", [1, 2, 9, 17])
def test_it_comes_back_from_its_state_in_the_middle_of_an_episode(at):
    steps, first, second = list(random_steps(30)), window(4), window(4)
    collect(first, steps[:at])
    packed = pack({"n_step": first}, S)
    assert all(len(array) == S for array in packed.values())
    unpack({"n_step": second}, packed)
    whole, resumed = collect(first, steps[at:]), collect(second, steps[at:])
    assert len(whole) == len(resumed) > 0
    assert all((a[name] == b[name]).all() for a, b in zip(whole, resumed) for name in a)
