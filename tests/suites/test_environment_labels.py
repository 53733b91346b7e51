"""Labels of environments: one environment in several forms, each a task of its own name."""

import pytest

from rlbench.api import Run, SuiteError, Task
from rlbench.plugins import load_plugins
from rlbench.results.score_anchors import anchors_of, shipped_anchors
from rlbench.suite_options import SuiteOptions
from rlbench.suites import Suite, plan

FORMS = [
    {"id": "CartPole-v1", "steps": 400},
    {"id": "CartPole-v1", "label": "sutton", "steps": 400, "kwargs": {"sutton_barto_reward": True}},
]


def suite(algorithms, environments=FORMS, **more):
    return Suite.model_validate(
        {"name": "s", "algorithms": algorithms, "environments": environments, "seeds": 1, **more}
    )


def planned(*args, **kwargs):
    return plan(suite(*args, **kwargs), load_plugins())


def names_of(groups):
    return [(group.label, group.task.name) for group in groups]


def test_two_forms_of_an_environment_are_two_tasks():
    groups = planned(["random"]).groups
    assert names_of(groups) == [("random", "CartPole-v1"), ("random", "sutton")]
    assert [group.task.env_id for group in groups] == ["CartPole-v1"] * 2
    assert [group.task.kwargs for group in groups] == [{}, {"sutton_barto_reward": True}]


def test_two_forms_with_one_name_are_an_error_that_advises_a_label():
    with pytest.raises(
        SuiteError, match="environment 'CartPole-v1' is listed twice; give each form of it its own label"
    ):
        planned(["random"], [FORMS[0], {**FORMS[1], "label": ""}])
    with pytest.raises(SuiteError, match="environment 'sutton' is listed twice"):
        planned(["random"], [{**FORMS[0], "label": "sutton"}, FORMS[1]])


def test_two_labels_of_the_same_task_are_an_error():
    with pytest.raises(SuiteError, match="one and two are the same environment with the same arguments"):
        planned(["random"], [{**FORMS[0], "label": "one"}, {**FORMS[0], "label": "two"}])


def test_a_label_is_not_part_of_the_key_and_arguments_are():
    plain, label = Task("CartPole-v1", 400), Task("CartPole-v1", 400, label="x")
    keys = [Run("random", {}, task, 0).key for task in (plain, label, Task("CartPole-v1", 400, kwargs={"a": 1}))]
    assert keys[0] == keys[1] != keys[2]


@pytest.mark.parametrize(
    "asked, expected",
    [
        ("sutton", ["sutton"]),
        ("CartPole-v1", ["CartPole-v1", "sutton"]),  # an id means all its forms
        (["sutton", "CartPole-v1"], ["CartPole-v1", "sutton"]),
    ],
)
def test_an_algorithm_runs_on_the_forms_that_it_names(asked, expected):
    groups = planned([{"id": "random", "environments": asked}]).groups
    assert [group.task.name for group in groups] == expected


def test_parameters_by_label_come_before_those_by_id():
    own = {"CartPole-v1": {"batch_size": 8}, "sutton": {"learning_rate": 0.2}}
    groups = planned([{"id": "dqn", "params": {"learning_starts": 100}, "per_environment": own}]).groups
    assert [(g.config["batch_size"], g.config["learning_rate"]) for g in groups] == [(8, 1e-3), (64, 0.2)]


def test_a_wrong_parameter_of_a_form_is_found_at_its_label():
    with pytest.raises(SuiteError, match="learning_rate: should be above 0, got -1"):
        planned([{"id": "dqn", "per_environment": {"sutton": {"learning_rate": -1}}}])


def test_a_name_that_no_environment_has_is_told_with_the_nearest_label():
    with pytest.raises(SuiteError, match="environments of 'random' names 'suton', .*did you mean 'sutton'"):
        planned([{"id": "random", "environments": "suton"}])


@pytest.mark.parametrize("pattern, expected", [("sut*", ["sutton"]), ("CartPole*", ["CartPole-v1", "sutton"])])
def test_the_command_line_selects_by_label_or_id(pattern, expected):
    chosen = SuiteOptions(environments=(pattern,)).chosen(planned(["random"]).groups)
    assert [group.task.name for group in chosen] == expected


def test_skipped_pairs_have_the_label():
    (skip,) = planned(["dqn"], [{"id": "Pendulum-v1", "label": "heavy", "steps": 400, "kwargs": {"g": 20.0}}]).skipped
    assert str(skip) == "skipped: dqn on heavy: actions are Box, but dqn supports discrete actions"


def test_shipped_anchors_belong_to_the_plain_task_whatever_its_label():
    tasks = {
        "plain": Task("CartPole-v1", 400, label="plain"),
        "sutton": Task("CartPole-v1", 400, kwargs={"sutton_barto_reward": True}, label="sutton"),
        "set up": Task("CartPole-v1", 400, reset_options={"low": 0}, label="set up"),
        "CartPole-v1": Task("Pendulum-v1", 400, label="CartPole-v1"),  # a label is no id
    }
    own = {"environments": [{"id": "CartPole-v1", "label": "sutton", "anchors": {"lower": -9, "upper": -1}}]}
    found = anchors_of(own, tasks)
    assert found["plain"] == shipped_anchors()["CartPole-v1"] and "set up" not in found
    assert (found["sutton"].lower, found["sutton"].upper) == (-9, -1)
    assert found["CartPole-v1"] == shipped_anchors()["Pendulum-v1"]
