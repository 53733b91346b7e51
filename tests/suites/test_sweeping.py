"""Sweeps: one entry, every combination an algorithm of its own; floods and contradictions are refused at their place."""

import pytest

from rlbench.api import SuiteError
from rlbench.plugins import load_plugins
from rlbench.suites import Suite, plan, read_suite
from rlbench.suites.suite_models import AlgorithmEntry
from rlbench.suites.sweeps import points, size

SWEPT = """\
name: swept
algorithms:
  - id: dqn
    params: {batch: 32}
    sweep:
      lr: [1e-3, 3e-4]
      hidden: [[64, 64], [128]]
environments:
  - id: CartPole-v1
    steps: 1_000
seeds: 2
"""


def planned(tmp_path, text=SWEPT, settings=(), **options):
    path = tmp_path / "swept.yaml"
    path.write_text(text)
    return plan(read_suite(path, settings=settings), load_plugins(), **options)


def refused(tmp_path, text, **options):
    with pytest.raises(SuiteError) as error:
        planned(tmp_path, text, **options)
    return str(error.value)


def test_every_combination_is_an_algorithm_of_its_own(tmp_path):
    groups = planned(tmp_path).groups
    assert [(g.label, g.config["lr"], g.config["hidden"], g.config["batch"]) for g in groups] == [
        ("dqn lr=0.001, hidden=[64,64]", 1e-3, [64, 64], 32),
        ("dqn lr=0.001, hidden=[128]", 1e-3, [128], 32),
        ("dqn lr=0.0003, hidden=[64,64]", 3e-4, [64, 64], 32),
        ("dqn lr=0.0003, hidden=[128]", 3e-4, [128], 32),
    ]
    assert {g.algorithm for g in groups} == {"dqn"} and {g.seeds for g in groups} == {(0, 1)}


def test_a_point_is_the_run_that_its_parameters_would_be_without_a_sweep(tmp_path):
    alone = SWEPT.replace("{batch: 32}", "{batch: 32, lr: 3e-4, hidden: [128]}").split("    sweep:")[0]
    alone += "environments:" + SWEPT.split("environments:")[1]
    assert planned(tmp_path, alone).groups[0].runs[0].key == planned(tmp_path).groups[3].runs[0].key


def test_the_stored_suite_keeps_the_sweep_and_means_the_same_again(tmp_path):
    made = planned(tmp_path)
    again = plan(Suite.model_validate(made.suite.resolved()), load_plugins())
    assert [g.label for g in again.groups] == [g.label for g in made.groups]
    assert made.suite.resolved()["algorithms"][0]["sweep"]["lr"] == [1e-3, 3e-4]


def test_budgets_are_found_by_the_point_the_sweep_and_the_id(tmp_path):
    text = SWEPT.replace("id: dqn\n", "id: dqn\n    label: mine\n").replace(
        "    steps: 1_000\n", "    steps: 1_000\n{own}"
    )
    own = "    per_algorithm: {'mine lr=0.001, hidden=[128]': {steps: 300}, mine: {steps: 200}}\n"
    assert [g.task.steps for g in planned(tmp_path, text.replace("{own}", own)).groups] == [200, 300, 200, 200]
    own = "    per_algorithm: {dqn: {steps: 400}}\n"
    assert [g.task.steps for g in planned(tmp_path, text.replace("{own}", own)).groups] == [400] * 4


def test_what_the_command_line_sets_is_no_longer_swept(tmp_path):
    groups = planned(tmp_path, settings=["dqn.lr=1e-2"]).groups
    assert [(g.label, g.config["lr"]) for g in groups] == [("dqn hidden=[64,64]", 1e-2), ("dqn hidden=[128]", 1e-2)]


def test_a_billion_runs_by_a_slip_are_counted_not_made(tmp_path):
    grid = "".join(f"      p{i}: [{', '.join(map(str, range(1000)))}]\n" for i in range(3))
    text = SWEPT.replace("      lr: [1e-3, 3e-4]\n", grid)
    said = refused(tmp_path, text)
    assert "swept.yaml:5:5: error: 4,000,000,000 runs are over the limit of 10,000; --max-runs raises it" in said
    assert "(the sweep of 'dqn' has 2,000,000,000 points)" in said and "dqn.p0: unknown parameter" in said


def test_the_limit_is_on_runs_and_can_be_raised(tmp_path):
    assert "8 runs are over the limit of 7" in refused(tmp_path, SWEPT, max_runs=7)
    assert planned(tmp_path, max_runs=8).runs == 8


@pytest.mark.parametrize(
    ("change", "place", "said"),
    [
        (("lr: [1e-3, 3e-4]", "lr: 1e-3"), "6:11", "lr: should be a list of the values to try, got 0.001"),
        (("lr: [1e-3, 3e-4]", "lr: []"), "6:7", "lr: should be a list of the values to try, got []"),
    ],
)
def test_a_sweep_is_a_list_for_each_hyperparameter(tmp_path, change, place, said):
    path = tmp_path / "swept.yaml"
    path.write_text(SWEPT.replace(*change))
    with pytest.raises(SuiteError) as error:
        read_suite(path).valid_suite()
    assert f"swept.yaml:{place}: error: {said}" in str(error.value)


WRONG = """\
name: wrong
algorithms:
  - {id: dqn, label: a, sweep: {lr: [1e-3, 0.001]}}
  - {id: dqn, label: b, sweep: {lr: [2e-3, -1]}}
  - {id: dqn, label: c, sweep: {lrr: [1e-3]}}
  - {id: dqn, label: d, params: {lr: 1}, sweep: {lr: [0.5]}}
  - {id: dqn, label: e, per_environment: {CartPole-v1: {gamma: 0.9}}, sweep: {gamma: [0.5]}}
  - {id: dqn, label: f, params: {batch: -1}, sweep: {gamma: [0.5, 0.6]}}
  - {id: dqn, label: g, sweep: {hidden: [[64], [64, 0.5]]}}
environments:
  - {id: CartPole-v1, steps: 1_000}
seeds: 1
"""


def test_every_mistake_in_sweeps_is_told_once_and_at_its_place(tmp_path):
    told = [line for line in refused(tmp_path, WRONG).splitlines() if "error: " in line]
    assert [line.split("swept.yaml:")[1] for line in told] == [
        "3:44: error: the sweep of lr has 0.001 twice",
        "4:44: error: b.lr: should be above 0, got -1",
        "5:33: error: c.lrr: unknown parameter; did you mean 'lr'?",
        "6:50: error: lr of 'd' is in params and in sweep; remove it from one of them",
        "7:57: error: gamma of 'e' is swept; per_environment cannot set it",
        "8:41: error: f.batch: should be at least 1, got -1",
        "9:53: error: g.hidden.1: should be a whole number, got 0.5",
    ]


def test_an_entry_without_a_sweep_is_its_own_only_point():
    entry = AlgorithmEntry.model_validate({"id": "dqn"})
    (point,) = points(entry)
    assert point.entry is entry and size(entry) == 1
