"""Two processes step metered environments of one run: one counter, one budget, everybody waits while it evaluates."""

import multiprocessing
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import ClassVar

import psutil
import pytest
from support.hogwild_envs import Config, Hogwild, alternate, fail_late, for_ever, reach_the_limit

from rlbench.api import EnvironmentFault, RlbenchError, Stopped, WorkerFailed
from rlbench.envs.remote_envs import SharedCounter
from rlbench.runtime.evaluation import evaluation_seeds
from rlbench.seeding import EpisodeSeeds, SeedStreams
from rlbench.testing import play
from rlbench.testing.fakes import CONSTANT, SHAPES

pytestmark = pytest.mark.faults


def children():
    return [
        p
        for p in psutil.Process().children(recursive=True)
        if "spawn_main" in " ".join(p.cmdline()) and p.status() != psutil.STATUS_ZOMBIE
    ]


def test_two_processes_spend_one_budget_to_the_step():
    played = play(Hogwild, Config(), CONSTANT, [4], 1001, kwargs={"length": 7}, every=250, episodes=1, final_episodes=1)
    assert played.outcome.steps == 1001
    by_rank = {rank: [e for e in played.sink.episodes if e.rank == rank] for rank in (0, 1)}
    assert all(by_rank.values())
    finished = sum(e.length for e in played.sink.episodes)
    assert 1001 - 2 * 6 <= finished <= 1001  # each process may hold one open episode
    for rank, episodes in by_rank.items():
        seeds = EpisodeSeeds(SeedStreams([4]).sequence("environment", 0, rank), "training")
        assert [e.reset_seed for e in episodes] == [seeds[k] for k in range(len(episodes))]
    assert children() == []


def test_the_grid_is_hit_exactly_while_every_process_waits():
    played = play(Hogwild, Config(), CONSTANT, [4], 1000, every=250, episodes=1, final_episodes=1)
    assert [(e.kind, e.nominal_step, e.step) for e in played.sink.evaluations] == [
        ("grid", 250, 250),
        ("grid", 500, 500),
        ("grid", 750, 750),
        ("grid", 1000, 1000),
        ("final", 1000, 1000),
    ]


@pytest.mark.parametrize(("crash", "code"), [("raise", "1"), ("kill", "-9")])
def test_an_error_in_any_process_ends_the_run_and_leaves_none_behind(crash, code):
    with pytest.raises(WorkerFailed, match=f"exit code {code}"):
        play(Hogwild, Config(crash=crash), CONSTANT, [4], 10_000_000)
    assert children() == []


def test_a_process_that_meets_a_bad_number_fails_the_run():
    bad = EpisodeSeeds(SeedStreams([4]).sequence("environment", 0, 1), "training")[2]
    with pytest.raises(EnvironmentFault, match="its step gave .* that is not finite"):
        play(Hogwild, Config(), SHAPES, [4], 10_000_000, kwargs={"dims": 2, "bad_seeds": [bad]})
    assert children() == []


def test_an_evaluation_whose_environment_fails_ends_every_process():
    grid = {"bad_seeds": [evaluation_seeds("grid", "training")[0]], "bad_after": 0}
    with pytest.raises(EnvironmentFault, match="its reset gave .* in the evaluation at step 50$"):
        play(Hogwild, Config(), SHAPES, [4], 10_000_000, kwargs={"dims": 2, **grid}, every=50, episodes=1)
    assert children() == []


def test_a_forked_environment_refuses_to_step_uncounted():
    class Forks(Hogwild):
        def train(self, interaction):
            env = interaction.make_env()
            env.reset()
            answer, theirs = multiprocessing.Pipe()
            process = multiprocessing.get_context("fork").Process(target=step_once, args=(env, theirs))
            process.start()
            assert "cannot be forked" in answer.recv()
            process.join()

    with pytest.raises(RlbenchError, match="`train` returned after 0 of 10"):
        play(Forks, Config(), CONSTANT, [4], 10)


def step_once(env, answer):
    try:
        env.step(0)
        answer.send("stepped")
    except RlbenchError as error:
        answer.send(str(error))


def claim(path, count):
    counter = SharedCounter(path)
    return sum(counter.claim() for _ in range(count))


def test_the_shared_counter_gives_each_step_once():
    counter = SharedCounter.create(0, 5000, 9000)
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        claimed = pool.starmap(claim, [(counter.path, 4000), (counter.path, 4000)])
    assert sum(claimed) == counter.steps == 5000 and not counter.spent


class TwoEach(Hogwild):
    """One process that holds two environments, as a library's vector environment does."""

    def train(self, interaction):
        context = multiprocessing.get_context("spawn")
        processes = [
            context.Process(target=alternate, args=([interaction.make_env(0, 0), interaction.make_env(0, 1)],))
        ]
        processes[0].start()
        interaction.attend(processes)


def test_one_process_may_hold_several_environments():
    played = play(TwoEach, Config(), CONSTANT, [4], 100, every=30, episodes=1, final_episodes=1)
    assert played.outcome.steps == 100 and [e.step for e in played.sink.evaluations] == [30, 60, 90, 100]


class FailsLate(Hogwild):
    """Its second process fails while the first one waits at a point of the grid. ended: steps and exit codes."""

    ended: ClassVar = []

    def train(self, interaction):
        context = multiprocessing.get_context("spawn")
        arrived, waits, make = context.Event(), context.Event(), interaction.make_env
        late = context.Process(target=fail_late, args=(make(0, 1), arrived, waits, self.config.crash))
        processes = [late, context.Process(target=reach_the_limit, args=(make(0, 0), waits))]
        late.start()
        assert arrived.wait(120)  # the other one would not wait for a process that is not there yet
        processes[1].start()
        interaction.attend(processes)
        self.ended.append((interaction.steps, [process.exitcode for process in processes]))


@pytest.mark.parametrize("how", ["diverges", "breaks"])
def test_processes_that_wait_while_another_fails_take_no_more_steps(how):
    FailsLate.ended.clear()
    if how == "diverges":
        played = play(FailsLate, Config(crash=how), CONSTANT, [4], 1000, every=50, episodes=1)
        assert played.outcome.diverged_at == {4: 50} and played.sink.evaluations == []
    else:
        with pytest.raises(EnvironmentFault, match="its step failed at step 50"):
            play(FailsLate, Config(crash=how), CONSTANT, [4], 1000, every=50, episodes=1)
    assert FailsLate.ended == [(50, [0, 0])]


class Untidy(Hogwild):
    """Its processes let BudgetExceeded leave them: a normal end."""

    def train(self, interaction):
        context = multiprocessing.get_context("spawn")
        processes = [context.Process(target=for_ever, args=(interaction.make_env(0, rank),)) for rank in range(2)]
        for process in processes:
            process.start()
        interaction.attend(processes)


def test_a_process_may_end_by_the_budget():
    assert play(Untidy, Config(), CONSTANT, [4], 100).outcome.steps == 100


def test_a_stop_reaches_every_process():
    class Stops(Untidy):
        def train(self, interaction):
            threading.Timer(2.0, interaction.request_stop).start()
            super().train(interaction)

    with pytest.raises(Stopped):
        play(Stops, Config(), CONSTANT, [4], 1 << 40)
    assert children() == []


RUN = """
import sys
sys.path[:0] = {path!r}
from test_remote import Untidy, Config, play, CONSTANT
if __name__ == "__main__":
    play(Untidy, Config(), CONSTANT, [4], 1 << 40, kwargs={{"length": 1 << 40}})  # no episode ends: nothing is sent
"""


def test_no_process_outlives_the_one_that_attends_it(tmp_path):
    script = tmp_path / "run.py"
    script.write_text(RUN.format(path=[str(Path(__file__).parent), str(Path(__file__).parents[1])]))
    marks = tmp_path / "marks"
    marks.mkdir()
    with subprocess.Popen([sys.executable, str(script)], env={**os.environ, "HOGWILD_MARKS": str(marks)}) as process:
        while len(list(marks.iterdir())) < 2:  # both are stepping
            assert process.poll() is None
        found = [psutil.Process(int(mark.name)) for mark in marks.iterdir()]
        process.kill()
    _, alive = psutil.wait_procs(found, timeout=10)
    for survivor in alive:
        survivor.kill()
    assert alive == []
