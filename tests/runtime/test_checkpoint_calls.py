"""Calls of `interaction.checkpoint`: what a plugin made for version 1 of the API gets told, and what is saved."""

import numpy as np
import pytest
from support.cli import rlbench
from support.small_suites import LIGHT, LOOP, WORKS

from rlbench import Algorithm, RlbenchError
from rlbench.api import EnvironmentFault, RunGroup, Task
from rlbench.envs.gymnasium_backend import reference_backend
from rlbench.runtime.live_group import LiveGroup
from rlbench.runtime.record_sink import MemorySink
from rlbench.seeding import EpisodeSeeds, SeedStreams
from rlbench.testing import play
from rlbench.testing.fakes import CONSTANT, SHAPES

NOW = "`checkpoint` takes no argument since version 2 of the plugin API: call `interaction.checkpoint()`"


class MadeForVersion1(Algorithm):
    def train(self, interaction):
        interaction.reset()
        interaction.checkpoint(self)

    def act(self, obs): ...


def test_a_checkpoint_with_an_argument_is_an_error_that_says_what_to_write():
    with pytest.raises(RlbenchError) as error:
        play(MadeForVersion1, None, CONSTANT, [0], 10)
    assert str(error.value) == NOW


def test_a_plugin_made_for_version_1_fails_with_one_line(tmp_path):
    plugin, suite = tmp_path / "mine.py", tmp_path / "s.yaml"
    plugin.write_text(WORKS.format(threshold=0, how=LOOP.replace("checkpoint()", "checkpoint(self)")))
    suite.write_text(LIGHT.format(more="fails"))
    ran = rlbench("run", suite, "-o", tmp_path / "out", "--plugin", plugin, "--retries", 0)
    assert NOW in ran.stderr.replace("\n", " ")
    assert "Traceback" not in ran.stdout + ran.stderr


def test_the_algorithm_that_trains_is_the_one_that_is_saved(tmp_path):
    """The interaction knows it: `checkpoint` names none."""
    saved = []

    class Saves(Algorithm):
        def train(self, interaction):
            interaction.save, interaction.save_every = lambda: saved.append(interaction.steps), 3
            interaction.schedule_save()
            interaction.reset()
            while not interaction.finished:
                interaction.checkpoint()
                interaction.step(self.act(interaction.obs))

        def act(self, obs):
            return obs[..., 0].astype(int) * 0

    play(Saves, None, CONSTANT, [0], 10)
    assert saved == [3, 6, 9]


@pytest.mark.parametrize("stop", [False, True])
def test_a_group_whose_seeds_have_all_failed_saves_nothing_and_says_what_failed(tmp_path, stop):
    class SavesAfterEachStep(Algorithm):
        def train(self, interaction):
            interaction.reset()
            while not interaction.finished:
                interaction.step(np.zeros(interaction.obs.shape[:2], np.int64))
                if stop and interaction.finished:
                    interaction.request_stop()
                interaction.checkpoint()

        def act(self, obs): ...

        def state(self):
            return {}

    bad = [EpisodeSeeds(SeedStreams([seed]).sequence("environment", 0, 0), "training")[0] for seed in (1, 2)]
    task = Task(SHAPES, 100, kwargs={"bad_seeds": bad, "end": 0.0})
    group = RunGroup("saves", {}, task, (1, 2), checkpoint_every=1)
    live = LiveGroup(
        *(group, SavesAfterEachStep, None, reference_backend(), MemorySink()),
        resumable=True,
        checkpoints=tmp_path / "checkpoints",
    )
    with pytest.raises(EnvironmentFault, match="seed 1: its step gave .*; seed 2: its step gave .* at step 4"):
        live.run()
    assert sorted(path.name for path in tmp_path.glob("checkpoints/*")) == ["000000000002", "000000000003"]
