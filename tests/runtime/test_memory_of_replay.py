"""The memory that a process takes while its replay fills, beside what the plan says before the run."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from support.image_worlds import NOISE

from rlbench.plugins import load_plugins
from rlbench.suites import Suite, plan

STEPS, SEEDS = 3_000, 10
PARAMS = {
    "net_arch": [16],
    "batch_size": 8,
    "buffer_size": 2_500,
    "learning_starts": STEPS - 1,
    "train_freq": STEPS + 1,
}
WRAPPERS = [{"name": "gymnasium.wrappers:FrameStackObservation", "kwargs": {"stack_size": 4}}]
RUN = """
import json, sys

import numpy as np
import psutil
from rlbench_dqn.dqn import DQN

from rlbench.api import EvaluationProtocol, RunGroup, Task, Wrapper
from rlbench.envs.gymnasium_backend import reference_backend
from rlbench.runtime.live_group import LiveGroup
from rlbench.runtime.record_sink import MemorySink

env_id, steps, seeds, params, wrappers = json.loads(sys.argv[1])
process = psutil.Process()


class Watched(DQN):
    def train(self, interaction):
        self.act(np.zeros((seeds, 1, 4, 84, 84), np.uint8))  # torch takes memory for its first convolution
        before = process.memory_info().rss
        super().train(interaction)
        self.grown = process.memory_info().rss - before


task = Task(env_id, steps, EvaluationProtocol(0, 1, 1), wrappers=tuple(Wrapper(**w) for w in wrappers))
group = RunGroup("dqn", {}, task, tuple(range(seeds)))
live = LiveGroup(group, Watched, DQN.Config(**params), reference_backend(), MemorySink())
live.run()
print(json.dumps([live.algorithm.grown, live.algorithm.replay.size]))
"""


@pytest.mark.slow
def test_ten_seeds_on_stacked_frames_take_what_the_plan_says():
    wrappers = [*WRAPPERS, {"name": "rlbench.envs.image_observation:ImageObservation"}]
    suite = {"name": "s", "algorithms": [{"id": "dqn", "params": PARAMS}], "seeds": SEEDS}
    suite |= {"environments": [{"id": NOISE, "steps": STEPS, "wrappers": WRAPPERS}]}
    planned = plan(Suite.model_validate(suite), load_plugins(), jobs=1)
    expected = SEEDS * planned.stored["dqn", NOISE]
    assert f"dqn on {NOISE}: replay of 10 seeds takes 209 MB" in planned.notes
    argument = json.dumps([NOISE, STEPS, SEEDS, PARAMS, wrappers])
    ended = subprocess.run([sys.executable, "-c", RUN, argument], cwd=Path(__file__).parents[1], capture_output=True, text=True, check=True)  # fmt: skip
    grown, stored = json.loads(ended.stdout)
    assert stored == 2_500 and grown == pytest.approx(expected, rel=0.2)
