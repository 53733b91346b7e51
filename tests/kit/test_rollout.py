import numpy as np
import pytest
import torch

from rlbench.kit import rollout_values


@pytest.mark.parametrize(("truncated", "terminated"), [(0.0, 0.1), (0.3, 0.1), (1.0, 0.0), (0.5, 0.5)])
def test_images_are_evaluated_once_and_have_the_values_that_a_slow_loop_gives_them(truncated, terminated):
    draws, (seeds, horizon, num_envs) = np.random.default_rng(0), (3, 5, 4)
    ended = torch.tensor(draws.random((seeds, horizon, num_envs)) < terminated)
    cut = ended | torch.tensor(draws.random((seeds, horizon, num_envs)) < truncated)
    obs, after = (torch.tensor(draws.integers(0, 256, (seeds, horizon, num_envs, 6), np.uint8)) for _ in range(2))
    after[:, :-1] = torch.where(cut[:, :-1, :, None], after[:, :-1], obs[:, 1:])
    evaluated = []

    def value_of(scale, states):
        evaluated.append(states.shape)
        return scale * states.float().mean(-1)

    rollout = {"obs": obs, "next_obs": after, "cut": cut, "terminated": ended}
    most = int((cut & ~ended)[:, :-1].sum((1, 2)).max())
    apart = [(3, 1, 4, 6)] * (1 + -(-most // 4))  # the last step and truncated steps
    value, next_value = rollout_values(value_of, [torch.ones(1)], rollout)
    assert torch.equal(value, obs.float().mean(-1))
    assert torch.equal(next_value[~ended], after.float().mean(-1)[~ended])
    assert evaluated == [(3, 5, 4, 6), *apart]

    evaluated.clear()
    known = rollout | {"value": obs.float().mean(-1)}
    again, next_again = rollout_values(value_of, [torch.ones(1)], known)
    assert torch.equal(again, value) and torch.equal(next_again[~ended], next_value[~ended]) and evaluated == apart
    known["value"] = torch.zeros(seeds, horizon, num_envs)  # is believed, as the value of states and of successors
    again, next_again = rollout_values(value_of, [torch.ones(1)], known)
    assert not again.any() and not next_again[:, :-1][~cut[:, :-1]].any()
