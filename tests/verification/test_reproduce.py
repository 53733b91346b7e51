"""`rlbench reproduce`: the suite of one run, which trains a run with the same key and the same bits."""

import json

import pyarrow.parquet as pq
import pytest
from support.cli import rlbench
from support.tampered_runs import edit_result, run_of

from rlbench.plugins import load_plugins
from rlbench.results import Store
from rlbench.suites import plan, read_suite
from rlbench.verification.reproduction import reproduction

LEARNERS = """
name: learners
algorithms:
  - {id: dqn, label: my dqn, params: {net_arch: [16], learning_starts: 30, learning_rate: 1e-5}, environments: CartPole-v1}
  - {id: iql, params: {net_arch: [16], learning_starts: 20, batch_size: 8}}
environments:
  - {id: CartPole-v1, steps: 120, kwargs: {sutton_barto_reward: true}}
  - {id: "rlbench.envs.matrix_games:climbing", label: game, steps: 60, backend: pettingzoo, reward: individual}
seeds: [4, 2]
evaluation: {every: 40, episodes: 2, final_episodes: 3, policy: greedy, environments: 2}
"""
SHAPES = """
name: shapes
seed_space: tuning
algorithms: [dqn, ppo, q_learning, sac, {id: random, label: chance}]
environments:
  - {id: Taxi-v4, steps: 8_000, action_masks: true, kwargs: {is_rainy: false}}
  - {id: Taxi-v4, label: unmasked, steps: 8_000}
  - {id: Blackjack-v1, steps: 8_000, per_algorithm: {dqn: {steps: 16_000}}}
  - {id: Pendulum-v1, steps: 8_000, kwargs: {g: 9.5}, wrappers: [{name: "gymnasium.wrappers:RescaleAction", kwargs: {min_action: -1.0, max_action: 1.0}}]}
  - {id: CartPole-v1, steps: 8_000, wrappers: ["gymnasium.wrappers:TimeAwareObservation"], evaluation: {every: 0, policy: sampled}}
  - {id: CarRacing-v3, steps: 8_000, kwargs: {continuous: false}}
seeds: [7]
"""


@pytest.fixture(scope="module")
def learners(tmp_path_factory):
    home = tmp_path_factory.mktemp("learners")
    (home / "suite.yaml").write_text(LEARNERS)
    ran = rlbench("run", home / "suite.yaml", "-o", home / "out")
    assert len(list((home / "out/runs").glob("*/result.json"))) == 4, ran.stderr
    return home / "out"


def untimed(path):
    table = pq.read_table(path)
    return str([[row[name] for name in table.column_names if name != "wall_seconds"] for row in table.to_pylist()])


@pytest.mark.parametrize(("algorithm", "seed"), [("dqn", 2), ("iql", 4)])
def test_the_suite_of_a_run_trains_the_same_run_bit_for_bit(learners, tmp_path, algorithm, seed):
    run, suite = run_of(learners, algorithm, seed), tmp_path / "one.yaml"
    assert rlbench("reproduce", run, "-o", suite).returncode == 0
    assert rlbench("run", suite, "-o", tmp_path / "again").returncode == 0
    (again,) = (tmp_path / "again/runs").iterdir()
    assert again.name == run.name and len(json.loads((tmp_path / "again/suite.json").read_text())["runs"]) == 1
    assert json.loads((again / "spec.json").read_text()) == json.loads((run / "spec.json").read_text())
    assert (again / "policy.safetensors").read_bytes() == (run / "policy.safetensors").read_bytes()
    for table in ("episodes", "evaluations", "metrics"):
        assert untimed(again / f"{table}.parquet") == untimed(run / f"{table}.parquet"), table


def published(root, groups, suite):
    """A folder in which every run of a plan is done, without having been trained."""
    store = Store(root)
    runs = [run for group in groups for run in group.runs]
    store.describe_suite(suite, runs, "0")
    for run in runs:
        result = {"schema_version": 1, "key": run.key, "attempt": "a", "status": "done", "steps": run.task.steps}
        (store.folder(run) / "result.json").write_text(
            json.dumps({**result, "files": {}, "numerics": {"device": "cpu"}})
        )
    return store


def test_keys_are_kept_whatever_the_spaces_arguments_wrappers_and_budgets(tmp_path):
    (tmp_path / "shapes.yaml").write_text(SHAPES)
    planned = plan(read_suite(tmp_path / "shapes.yaml"), load_plugins())
    store = published(tmp_path / "out", planned.groups, planned.suite.resolved())
    runs = store.runs()
    assert {wrapper.name.partition(":")[2] for run in runs for wrapper in run.task.wrappers} >= {
        "ActionMaskInObservation", "FlatObservation", "ImageObservation", "RescaleAction", "TimeAwareObservation"
    }  # fmt: skip
    assert len(runs) > 12
    for run in runs:
        suite = tmp_path / "one.yaml"
        suite.write_text(reproduction(store, run, store.states([run])[run.key], "one.yaml"))
        (group,) = plan(read_suite(suite), load_plugins()).groups
        assert [one.key for one in group.runs] == [run.key], run.name
        assert (group.label, group.task.name) == (run.label, run.task.name)


def test_comments_say_what_made_the_run(learners):
    run = run_of(learners, "dqn", 2)
    edit_result(run, lambda result: result["numerics"].update(mkl="COMPATIBLE", aten_cpu_capability="avx2"))
    text = rlbench("reproduce", run).stdout
    result = json.loads((run / "result.json").read_text())
    assert text.startswith("# my dqn on CartPole-v1, seed 2, as a suite. It trains the run again:\n")
    assert "#     ATEN_CPU_CAPABILITY=avx2 MKL_CBWR=COMPATIBLE rlbench run SUITE.yaml\n" in text
    for entry in (result["key"], f"torch {result['versions']['torch']}", result["hardware"]["cpu"], "cpu_capability"):
        assert entry in text
    assert (result["git_commit"] or "not recorded") in text


def test_what_a_stranger_wrote_into_a_result_stays_a_comment(learners, tmp_path):
    run = run_of(learners, "iql", 4)
    edit_result(run, lambda result: result["versions"].update(torch="1\nseeds: [9]\r\n#", evil="\x1b[31m\u2028x: 1"))
    assert rlbench("reproduce", run, "-o", tmp_path / "one.yaml").returncode == 0
    assert read_suite(tmp_path / "one.yaml").valid_suite().seeds == (4,)
    assert "\x1b" not in (tmp_path / "one.yaml").read_text()


def test_a_run_that_depends_on_its_stack_brings_the_whole_stack(learners):
    run = run_of(learners, "dqn", 4)
    edit_result(run, lambda result: result["numerics"].update(stack_independence="tolerance"))
    text = rlbench("reproduce", run).stdout
    assert "may depend on its stack of 2 seeds, so all are here" in text
    assert "seeds:\n- 4\n- 2\n" in text and "jobs: 1\n" in text


def test_a_file_that_exists_is_kept_and_a_run_that_nobody_trained_has_no_suite(learners, tmp_path):
    run = run_of(learners, "iql", 2)
    (tmp_path / "mine.yaml").write_text("mine")
    ran = rlbench("reproduce", run, "-o", tmp_path / "mine.yaml")
    assert ran.returncode == 2 and "exists already" in ran.stderr and (tmp_path / "mine.yaml").read_text() == "mine"
    edit_result(run, lambda result: result.update(imported={"rows": 3}))
    ran = rlbench("reproduce", run)
    assert ran.returncode == 4 and "was imported: no suite trains it" in ran.stderr
