"""The promises over Dict observations: stack-mates change no bit of a run, and a resumed run is the uninterrupted one."""

import pytest
from rlbench_dqn.dqn import DQN
from rlbench_ppo.ppo import PPO
from support.rich_environments import FLAT_PARTS

from rlbench.testing import play
from rlbench.testing.conformance import check_resume

CASES = {
    "dqn": (DQN, DQN.Config(net_arch=(16,), batch_size=8, learning_starts=20, buffer_size=60)),
    "ppo": (PPO, PPO.Config(net_arch=(16,), n_envs=2, n_steps=10, batch_size=10, n_epochs=2)),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_run_does_not_depend_on_its_stack_mates(case):
    alone, *stacked = [play(*case, FLAT_PARTS, seeds, 120, every=50).of_seed(3) for seeds in ([3], [7, 3, 5], [3, 9])]
    assert len(alone["episodes"]) == 24 and len(alone["evaluations"]) == 3
    assert stacked == [alone, alone]


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_resumed_run_ends_as_the_uninterrupted_one(case, tmp_path):
    assert 0 < check_resume(*case, FLAT_PARTS, 120, tmp_path) < 120
