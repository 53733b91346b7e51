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
    params: {batch_size: 32, learning_starts: 100}
    sweep:
      learning_rate: [1e-3, 3e-4]
      net_arch: [[64, 64], [128]]
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
    assert [(g.label, g.config["learning_rate"], g.config["net_arch"], g.config["batch_size"]) for g in groups] == [
        ("dqn learning_rate=0.001, net_arch=[64,64]", 1e-3, [64, 64], 32),
        ("dqn learning_rate=0.001, net_arch=[128]", 1e-3, [128], 32),
        ("dqn learning_rate=0.0003, net_arch=[64,64]", 3e-4, [64, 64], 32),
        ("dqn learning_rate=0.0003, net_arch=[128]", 3e-4, [128], 32),
    ]
    assert {g.algorithm for g in groups} == {"dqn"} and {g.seeds for g in groups} == {(0, 1)}


def test_a_point_is_the_run_that_its_parameters_would_be_without_a_sweep(tmp_path):
    alone = SWEPT.replace(
        "{batch_size: 32, learning_starts: 100}",
        "{batch_size: 32, learning_starts: 100, learning_rate: 3e-4, net_arch: [128]}",
    ).split("    sweep:")[0]
    alone += "environments:" + SWEPT.split("environments:")[1]
    assert planned(tmp_path, alone).groups[0].runs[0].key == planned(tmp_path).groups[3].runs[0].key


def test_the_stored_suite_keeps_the_sweep_and_means_the_same_again(tmp_path):
    made = planned(tmp_path)
    again = plan(Suite.model_validate(made.suite.resolved()), load_plugins())
    assert [g.label for g in again.groups] == [g.label for g in made.groups]
    assert made.suite.resolved()["algorithms"][0]["sweep"]["learning_rate"] == [1e-3, 3e-4]


def test_budgets_are_found_by_the_point_the_sweep_and_the_id(tmp_path):
    text = SWEPT.replace("id: dqn\n", "id: dqn\n    label: mine\n").replace(
        "    steps: 1_000\n", "    steps: 1_000\n{own}"
    )
    own = "    per_algorithm: {'mine learning_rate=0.001, net_arch=[128]': {steps: 300}, mine: {steps: 200}}\n"
    assert [g.task.steps for g in planned(tmp_path, text.replace("{own}", own)).groups] == [200, 300, 200, 200]
    own = "    per_algorithm: {dqn: {steps: 400}}\n"
    assert [g.task.steps for g in planned(tmp_path, text.replace("{own}", own)).groups] == [400] * 4


def test_what_the_command_line_sets_is_no_longer_swept(tmp_path):
    groups = planned(tmp_path, settings=["dqn.learning_rate=1e-2"]).groups
    assert [(g.label, g.config["learning_rate"]) for g in groups] == [
        ("dqn net_arch=[64,64]", 1e-2),
        ("dqn net_arch=[128]", 1e-2),
    ]


def test_a_billion_runs_by_a_slip_are_counted_not_made(tmp_path):
    grid = "".join(f"      p{i}: [{', '.join(map(str, range(1000)))}]\n" for i in range(3))
    text = SWEPT.replace("      learning_rate: [1e-3, 3e-4]\n", grid)
    said = refused(tmp_path, text)
    assert "swept.yaml:5:5: error: 4,000,000,000 runs are over the limit of 10,000; --max-runs raises it" in said
    assert "(the sweep of 'dqn' has 2,000,000,000 points)" in said and "dqn.p0: unknown parameter" in said


def test_the_limit_is_on_runs_and_can_be_raised(tmp_path):
    assert "8 runs are over the limit of 7" in refused(tmp_path, SWEPT, max_runs=7)
    assert planned(tmp_path, max_runs=8).runs == 8


@pytest.mark.parametrize(
    ("change", "place", "said"),
    [
        (
            ("learning_rate: [1e-3, 3e-4]", "learning_rate: 1e-3"),
            "6:22",
            "learning_rate: should be a list of the values to try, got 0.001",
        ),
        (
            ("learning_rate: [1e-3, 3e-4]", "learning_rate: []"),
            "6:7",
            "learning_rate: should be a list of the values to try, got []",
        ),
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
  - {id: dqn, label: a, sweep: {learning_rate: [1e-3, 0.001]}}
  - {id: dqn, label: b, sweep: {learning_rate: [2e-3, -1]}}
  - {id: dqn, label: c, sweep: {learning_rates: [1e-3]}}
  - {id: dqn, label: d, params: {learning_rate: 1}, sweep: {learning_rate: [0.5]}}
  - {id: dqn, label: e, per_environment: {CartPole-v1: {gamma: 0.9}}, sweep: {gamma: [0.5]}}
  - {id: dqn, label: f, params: {batch_size: -1}, sweep: {gamma: [0.5, 0.6]}}
  - {id: dqn, label: g, sweep: {net_arch: [[64], [64, 0.5]]}}
environments:
  - {id: CartPole-v1, steps: 2_000}
seeds: 1
"""


def test_every_mistake_in_sweeps_is_told_once_and_at_its_place(tmp_path):
    told = [line for line in refused(tmp_path, WRONG).splitlines() if "error: " in line]
    assert [line.split("swept.yaml:")[1] for line in told] == [
        "3:55: error: the sweep of learning_rate has 0.001 twice",
        "4:55: error: b.learning_rate: should be above 0, got -1",
        "5:33: error: c.learning_rates: unknown parameter; did you mean 'learning_rate'?",
        "6:61: error: learning_rate of 'd' is in params and in sweep; remove it from one of them",
        "7:57: error: gamma of 'e' is swept; per_environment cannot set it",
        "8:46: error: f.batch_size: should be at least 1, got -1",
        "9:55: error: g.net_arch.1: should be a whole number, got 0.5",
    ]


def test_an_entry_without_a_sweep_is_its_own_only_point():
    entry = AlgorithmEntry.model_validate({"id": "dqn"})
    (point,) = points(entry)
    assert point.entry is entry and size(entry) == 1
