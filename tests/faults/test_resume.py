"""N steps in one go, and N/2 + kill −9 + resume: the same weights and the same records, bit for bit."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pytest
from support.cli import Ran, rlbench
from support.published_runs import published, results

from rlbench.seeding import EpisodeSeeds, SeedStreams
from rlbench.testing.fakes import SHAPES

pytestmark = [pytest.mark.faults, pytest.mark.timeout(240)]

DQN = "{id: dqn, params: {net_arch: [32, 32], learning_starts: 100, train_freq: 2, target_update_interval: 50, buffer_size: 700}}"
PPO = "{id: ppo, params: {n_envs: 4, n_steps: 32, batch_size: 64, n_epochs: 2}}"
SUITE = """
name: resume
algorithms: [{algorithm}]
environments: [{{id: {env}, steps: 2048}}]
seeds: [3, 8]
evaluation: {{every: 256, episodes: 2, final_episodes: 3}}
checkpoint_every: 200
"""


def run(suite: Path, folder: Path, fail_at: str = "", *options: str) -> Ran:
    options = (*options, "--retries", "0") if fail_at else options
    return rlbench("run", suite, "-o", folder, *options, RLBENCH_FAIL_AT=fail_at)


@pytest.fixture(scope="module")
def once(tmp_path_factory):
    """A folder in which a suite was run once: to its end, or up to a kill at `fail_at`; only to read."""
    made: dict[tuple[str, str], Path] = {}

    def once(text: str, fail_at: str = "") -> Path:
        if (text, fail_at) not in made:
            folder = tmp_path_factory.mktemp("once")
            (folder / "suite.yaml").write_text(text)
            ran = run(folder / "suite.yaml", folder / "out", fail_at)
            assert ran.returncode == (1 if fail_at else 0), ran.stderr
            assert not fail_at or "worker killed by SIGKILL" in ran.stderr
            made[text, fail_at] = folder / "out"
        return made[text, fail_at]

    return once


@pytest.fixture
def begin(once, tmp_path):
    """Write a suite, and lay down beside it a folder in which it was killed at `fail_at`."""

    def begin(text: str, fail_at: str) -> Path:
        (tmp_path / "suite.yaml").write_text(text)
        shutil.copytree(once(text, fail_at), tmp_path / "cut")
        return tmp_path / "suite.yaml"

    return begin


def suite_of(algorithm: str = DQN, env: str = "CartPole-v1") -> str:
    return SUITE.format(algorithm=algorithm, env=env)


def table(folder: Path) -> str:
    return rlbench("table", folder, "--json").stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    ("algorithm", "env"),
    [(DQN, "CartPole-v1"), (DQN, "Acrobot-v1"), (PPO, "CartPole-v1")],
    ids=["dqn, CartPole", "dqn, Acrobot", "ppo, CartPole"],
)
def test_a_killed_run_goes_on_to_the_same_records_and_weights(tmp_path, once, begin, algorithm, env):
    text = suite_of(algorithm, env)
    whole, suite = once(text), begin(text, "evaluated:4")  # at step 1024, between two checkpoints
    assert results(tmp_path / "cut") == []
    again = run(suite, tmp_path / "cut")
    assert again.returncode == 0, again.stderr
    assert all(0 < r["resumed_from"] < 1100 for r in results(tmp_path / "cut"))
    assert published(tmp_path / "cut") == published(whole)
    assert table(tmp_path / "cut") == table(whole) != ""


SHORT = "{id: CartPole-v1, kwargs: {max_episode_steps: 15}"
CURRICULA = f"""CartPole-v1, label: sampled, steps: 2048,
    curriculum: {{sampler: learning_progress, tasks: [{SHORT}}}]}}}}
  - {{id: CartPole-v1, curriculum: {{stages: [
      {SHORT}, until: {{steps: 700}}}}, {SHORT}, until: {{return: 14, episodes: 12}}}}, {SHORT}, until: {{steps: 400}}}}]}}"""


def test_a_killed_run_is_promoted_at_the_same_steps(tmp_path, once, begin):
    text = suite_of("random").replace("[{id: CartPole-v1,", "\n  - {id: " + CURRICULA + ",").replace("2048}]", "2048}")
    whole, suite = once(text), begin(text, "evaluated:4")
    assert run(suite, tmp_path / "cut").returncode == 0
    assert len(results(whole)) == 4 and all(0 < r["resumed_from"] < 1100 for r in results(tmp_path / "cut"))
    assert published(tmp_path / "cut") == published(whole)
    metrics = pd.concat(map(pd.read_parquet, whole.glob("runs/*/metrics.parquet")))
    stages = metrics[metrics.name == "stage"].groupby("seed")
    assert (stages.value.last() == 4).all() and (stages.step.last() > 1100).all()  # the last after the kill
    assert {"stage", "share_of_task_1", "share_of_task_2"} == set(metrics.name)


def test_a_broken_checkpoint_falls_back_to_the_one_before(tmp_path, once, begin):
    suite = begin(suite_of(), "evaluated:4")
    newest = sorted(tmp_path.glob("cut/attempts/*/checkpoints/*"))[-1]
    arrays = newest / "seed-8.safetensors"
    arrays.write_bytes(arrays.read_bytes()[:-1])
    assert run(suite, tmp_path / "cut").returncode == 0
    assert {r["resumed_from"] for r in results(tmp_path / "cut")} == {int(newest.name) - 200}
    assert published(tmp_path / "cut") == published(once(suite_of()))


@pytest.mark.parametrize("damaged", ["checkpoints", "records"])
def test_where_no_checkpoint_is_whole_a_run_starts_again_and_says_so(tmp_path, once, begin, damaged):
    suite = begin(suite_of("random"), "evaluated:4")
    for path in tmp_path.glob(
        "cut/attempts/*/checkpoints/*/seed-8.json" if damaged == "checkpoints" else "cut/attempts/*/episodes.jsonl"
    ):
        path.write_bytes(path.read_bytes()[:-1000])
    reason = (
        "its checkpoints are incomplete or damaged" if damaged == "checkpoints" else "episodes.jsonl has lost records"
    )
    again = run(suite, tmp_path / "cut")
    assert again.returncode == 0 and "starts again at step 0: " in again.stderr and reason in again.stderr
    assert {r["resumed_from"] for r in results(tmp_path / "cut")} == {0}
    assert published(tmp_path / "cut") == published(once(suite_of("random")))


QUICK = suite_of("{id: q_learning}", "FrozenLake-v1")


def no_state(path, attempt):
    document = json.loads(path.read_text())
    path.write_text(json.dumps({**document, "streams": "none"}))
    done = path.with_name("DONE")
    hashes = json.loads(done.read_text())
    hashes["sha256"][path.name] = hashlib.sha256(path.read_bytes()).hexdigest()
    done.write_text(json.dumps(hashes))


def a_pipe(path, attempt):
    (attempt / "episodes.jsonl").unlink()
    os.mkfifo(attempt / "episodes.jsonl")


def too_large(path, attempt):
    os.truncate(attempt / "evaluations.jsonl", 5 << 30)


@pytest.mark.parametrize("harm", [no_state, a_pipe, too_large], ids=lambda harm: harm.__name__)
def test_what_an_attempt_left_that_cannot_be_restored_starts_its_group_again(tmp_path, once, begin, harm):
    suite = begin(QUICK, "evaluated")
    newest = sorted(tmp_path.glob("cut/attempts/*/checkpoints/*"))[-1]
    harm(newest / "seed-8.json", newest.parents[1])
    ran = run(suite, tmp_path / "cut")
    assert ran.returncode == 0 and "starts again at step 0: " in ran.stderr, ran.stderr
    assert {r["resumed_from"] for r in results(tmp_path / "cut")} == {0}
    assert published(tmp_path / "cut") == published(once(QUICK))


@pytest.mark.parametrize("point", ["checkpoint-done:3", "published-episodes", "publish-result", "publish-result:2"])
def test_a_kill_while_saving_or_publishing_leaves_each_run_done_or_interrupted(tmp_path, once, begin, point):
    suite = begin(suite_of("random"), point)
    before = {r["key"]: r for r in results(tmp_path / "cut")}
    assert len(before) == (1 if point.endswith(":2") else 0)
    assert run(suite, tmp_path / "cut").returncode == 0
    after = {r["key"]: r for r in results(tmp_path / "cut")}
    assert len(after) == 2 and all(after[key] == before[key] for key in before)
    assert not list(tmp_path.glob("cut/attempts/*/checkpoints"))
    assert published(tmp_path / "cut") == published(once(suite_of("random")))


def test_ctrl_c_saves_and_the_same_command_goes_on(tmp_path):
    suite = tmp_path / "suite.yaml"
    suite.write_text(suite_of("random").replace("2048", "4000000").replace("200\n", "0\n"))
    command = [sys.executable, "-m", "rlbench.cli.main", "run", str(suite), "-o", str(tmp_path / "cut")]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "step" in line:
                process.send_signal(signal.SIGINT)
                break
        rest = process.stderr.read()
        assert process.wait() == 130
    assert "run the same command again to resume the others" in rest
    checkpoints = list((tmp_path / "cut/attempts").glob("*/checkpoints/*/DONE"))
    assert len(checkpoints) == 1
    exits = [json.loads(p.read_text()) for p in (tmp_path / "cut/attempts").glob("*/exit.json")]
    assert [e["status"] for e in exits] == ["interrupted"]


def tampered(folder: Path) -> None:
    """Let an open episode of seed 8 have another number: another reset seed, another first observation."""
    for numbers in folder.glob("attempts/*/checkpoints/*/seed-8.json"):
        state = json.loads(numbers.read_text())
        state["boundary"]["episode"][0] += 1
        numbers.write_text(json.dumps(state))
        done = json.loads((numbers.parent / "DONE").read_text())
        done["sha256"][numbers.name] = hashlib.sha256(numbers.read_bytes()).hexdigest()
        (numbers.parent / "DONE").write_text(json.dumps(done))


def test_an_environment_that_does_not_come_back_starts_again_and_says_so(tmp_path, once, begin):
    suite = begin(suite_of("random"), "evaluated:4")
    tampered(tmp_path / "cut")
    again = run(suite, tmp_path / "cut")
    assert again.returncode == 0 and "starts again at step 0: environment 0 of seed 8" in again.stderr
    assert {r["resumed_from"] for r in results(tmp_path / "cut")} == {0}
    assert published(tmp_path / "cut") == published(once(suite_of("random")))


def test_changed_code_starts_a_run_again(tmp_path, begin):
    suite = begin(suite_of("random"), "evaluated:4")
    for path in tmp_path.glob("cut/attempts/*/made-by.json"):
        made_by = json.loads(path.read_text())
        made_by["code"]["plugin_sources"] = "other"
        path.write_text(json.dumps(made_by))
    assert run(suite, tmp_path / "cut").returncode == 0
    assert {r["resumed_from"] for r in results(tmp_path / "cut")} == {0}


def test_seeds_added_later_leave_finished_runs_alone(tmp_path, once):
    suite = tmp_path / "suite.yaml"
    shutil.copytree(once(suite_of()), tmp_path / "a")
    before = {r["key"]: r for r in results(tmp_path / "a")}
    suite.write_text(suite_of().replace("[3, 8]", "[3, 5, 8]"))
    assert run(suite, tmp_path / "a").returncode == 0
    after = {r["key"]: r for r in results(tmp_path / "a")}
    assert len(before) == 2 and len(after) == 3 and all(after[key] == before[key] for key in before)
    assert np.unique([r["stack_size"] for r in after.values()]).tolist() == [1, 2]


def test_changed_numerics_start_a_run_again_and_say_so(tmp_path, begin):
    suite = begin(suite_of("random"), "evaluated:4")
    for path in tmp_path.glob("cut/attempts/*/made-by.json"):
        path.write_text(path.read_text().replace("AUTO,STRICT", "COMPATIBLE"))
    again = run(suite, tmp_path / "cut")
    assert again.returncode == 0 and "starts again at step 0: numerics changed from" in again.stderr
    assert {r["resumed_from"] for r in results(tmp_path / "cut")} == {0}


def test_a_stack_with_a_parked_seed_resumes_to_the_same_records(tmp_path):
    bad = EpisodeSeeds(SeedStreams([8]).sequence("environment", 0, 0), "training")[2]
    env = f"'{SHAPES}', kwargs: {{bad_seeds: [{bad}]}}"
    suite = tmp_path / "suite.yaml"
    suite.write_text(SUITE.format(algorithm=DQN, env="X").replace("id: X", f"id: {env}"))
    assert run(suite, tmp_path / "cut", "evaluated:4").returncode == 1
    assert "started from step 1000" in run(suite, tmp_path / "cut").stderr
    run(suite, tmp_path / "whole")
    for unpublished in tmp_path.glob("*/runs/*--s08--*"):  # its environment failed, so there is only its spec.json
        (unpublished / "spec.json").unlink()
        unpublished.rmdir()
    found, expected = published(tmp_path / "cut"), published(tmp_path / "whole")
    assert found == expected
    outcomes = {r["key"]: (r["status"], r["diverged_at"], r["steps"]) for r in results(tmp_path / "cut")}
    assert outcomes == {r["key"]: (r["status"], r["diverged_at"], r["steps"]) for r in results(tmp_path / "whole")}
    assert [status for status, _, _ in outcomes.values()] == ["done"]


def test_costs_are_those_of_all_attempts(tmp_path, begin):
    suite = begin(suite_of("random"), "evaluated:4")
    checkpoint = sorted(tmp_path.glob("cut/attempts/*/checkpoints/*/seed-3.json"))[-1]
    before = json.loads(checkpoint.read_text())["clock"]
    assert run(suite, tmp_path / "cut").returncode == 0
    for r in results(tmp_path / "cut"):
        assert r["wall_seconds"] > before["spent"] > 0 and r["group_wall_seconds"] > before["elapsed"] > 0
        assert 2 * r["cpu_seconds"] > before["cpu"] > 0


def test_a_killed_worker_is_retried_and_the_suite_ends_as_if_it_had_not_been(tmp_path, once):
    suite = tmp_path / "suite.yaml"
    suite.write_text(suite_of())
    command = [sys.executable, "-m", "rlbench.cli.main", "run", str(suite), "-o", str(tmp_path / "cut")]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as process:
        assert process.stderr is not None
        while not list((tmp_path / "cut/attempts").glob("*/checkpoints/*/DONE")):
            assert process.poll() is None
        (worker,) = (p for p in psutil.Process(process.pid).children() if "RLBENCH_ATTEMPT" in p.environ())
        worker.kill()
        said = process.stderr.read()
        assert process.wait() == 0, said
    assert "worker killed by SIGKILL" in said and "started from step" in said
    assert len(list((tmp_path / "cut/attempts").iterdir())) == 2
    assert published(tmp_path / "cut") == published(once(suite_of()))


def test_a_worker_that_is_killed_every_time_ends_after_its_retries(tmp_path):
    suite = tmp_path / "suite.yaml"
    suite.write_text(SUITE.format(algorithm="random", env="CartPole-v1").replace("200\n", "0\n"))
    ran = rlbench("run", suite, "-o", tmp_path / "cut", "--retries", 2, RLBENCH_FAIL_AT="evaluated:4")
    assert (
        ran.returncode == 1 and ran.stderr.count("worker killed by SIGKILL") == 3 + 1
    )  # each time, and in the summary
    attempts = list((tmp_path / "cut/attempts").iterdir())
    assert len(attempts) == 3 and all(f"log: {attempt / 'stderr.log'}" in ran.stderr for attempt in attempts)


@pytest.mark.parametrize("cause", ["numerics", "code", "environment"])
def test_an_approximate_resume_goes_on_all_the_same_and_marks_its_rows(tmp_path, begin, cause):
    suite = begin(suite_of("random") + "resume: approximate\n", "evaluated:4")
    if cause == "environment":
        tampered(tmp_path / "cut")
    for path in tmp_path.glob("cut/attempts/*/made-by.json"):
        made_by = json.loads(path.read_text())
        if cause != "environment":
            made_by[cause][{"numerics": "mkl", "code": "core_sources"}[cause]] = "other"
        path.write_text(json.dumps(made_by))
    again = run(suite, tmp_path / "cut")
    assert again.returncode == 0 and "started from step 1000" in again.stderr
    assert {(r["resumed_from"], r["resume"], r["steps"]) for r in results(tmp_path / "cut")} == {
        (1000, "approximate", 2048)
    }
    assert "2 resumed approximately" in again.stdout


def test_a_run_that_never_resumes_starts_again(tmp_path, begin):
    suite = begin(suite_of("random") + "resume: never\n", "evaluated:4")
    assert run(suite, tmp_path / "cut").returncode == 0
    assert {(r["resumed_from"], r["resume"]) for r in results(tmp_path / "cut")} == {(0, "exact")}
