"""The conformance checks pass for what keeps the rules, and fail for what breaks one."""

import numpy as np
import pytest
from rlbench_double_dqn.double_dqn import DoubleDQN
from rlbench_dqn.dqn import DQN

from rlbench.testing.conformance import check_independence, check_resume
from rlbench.testing.fakes import SHAPES

CONFIG = DQN.Config(batch=8, hidden=(16,), warmup=20, target_every=7, capacity=60)


class SharedDraw(DQN):
    """Explores by one draw for all seeds."""

    def explore(self, interaction):
        draw = self.streams.generators("explore")[0].random()
        return np.full((len(interaction.seeds), interaction.num_envs), int(draw * self.num_actions))


class Forgets(DQN):
    """Does not keep its replay."""

    def parts(self):
        return {name: part for name, part in super().parts().items() if name != "replay"}


@pytest.mark.parametrize("algorithm", [DQN, DoubleDQN])
def test_what_keeps_the_rules_passes(tmp_path, algorithm):
    config = algorithm.Config(batch=8, hidden=(16,), warmup=20, target_every=7, capacity=60)
    check_independence(algorithm, config, SHAPES, 90, {"obs": 17, "actions": 3})
    assert 0 < check_resume(algorithm, config, SHAPES, 200, tmp_path) < 200


def test_a_draw_that_is_shared_is_found():
    with pytest.raises(AssertionError, match="depend on who shares its stack"):
        check_independence(SharedDraw, CONFIG, SHAPES, 90)


def test_a_state_that_is_not_kept_is_found(tmp_path):
    with pytest.raises(AssertionError, match="differ after going on from step"):
        check_resume(Forgets, CONFIG, SHAPES, 200, tmp_path)
