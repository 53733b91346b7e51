"""Forms of one environment in a result folder: kept apart everywhere, and named by what the suite says now."""

import json

from support.result_folders import folder

import rlbench
from rlbench.api import RunGroup, Task
from rlbench.results import Store
from rlbench.results.requested_runs import DamagedRun

LIGHT = Task("Pendulum-v1", 100, kwargs={"g": 5.0}, label="light")
PLAIN = Task("Pendulum-v1", 100)


def two_forms(root, light=LIGHT):
    runs = [run for task in (PLAIN, light) for run in RunGroup("random", {}, task, (0, 1), "random").runs]
    entries = [{"id": task.env_id, "label": task.label} for task in (PLAIN, light)]
    store = Store(root)
    store.describe_suite({"name": "s", "environments": entries}, runs, "0")
    return store


def test_forms_are_apart_in_the_table_of_runs(tmp_path):
    table = rlbench.load(two_forms(tmp_path).root).runs()
    assert table["environment"].tolist() == ["Pendulum-v1"] * 2 + ["light"] * 2


def test_a_form_that_is_renamed_keeps_its_runs(tmp_path):
    before = [run.name for run in two_forms(tmp_path).runs()]
    after = two_forms(tmp_path, Task("Pendulum-v1", 100, kwargs={"g": 5.0}, label="on Mars")).runs()
    assert [run.name for run in after] == before
    assert [run.task.name for run in after] == ["Pendulum-v1"] * 2 + ["on Mars"] * 2


def test_a_damaged_run_is_counted_with_its_own_form(tmp_path):
    store = two_forms(tmp_path)
    for run in store.runs()[::2]:
        (store.folder(run) / "spec.json").unlink()
    damaged = [run for run in store.runs() if isinstance(run, DamagedRun)]
    assert [(run.task.name, run.seed, dict(run.task.kwargs)) for run in damaged] == [
        ("Pendulum-v1", 0, {}),
        ("light", 0, {"g": 5.0}),
    ]


def test_a_damaged_form_without_another_run_has_its_name_from_the_suite(tmp_path):
    store = two_forms(tmp_path)
    for run in store.runs():
        (store.folder(run) / "spec.json").unlink()
    assert [run.task.name for run in store.runs()] == ["Pendulum-v1"] * 2 + ["light"] * 2


def test_a_folder_without_labels_is_written_as_before_there_were_any(tmp_path):
    store = folder(tmp_path, {"random": {"CartPole-v1": [1.0]}})
    (run,) = store.runs()
    assert store.suite()["runs"] == [{"folder": run.name, "label": "random"}]
    task = json.loads((store.folder(run) / "spec.json").read_text())["task"]
    assert sorted(task) == ["backend", "env_id", "evaluation", "kwargs", "steps", "wrappers"]
    assert sorted(task["evaluation"]) == ["episodes", "every", "final_episodes", "policy"]


def test_a_spec_that_names_its_own_label_is_damaged(tmp_path):
    store = two_forms(tmp_path)
    path = store.folder(store.runs()[2]) / "spec.json"
    spec = json.loads(path.read_text())
    path.write_text(json.dumps({**spec, "task": {**spec["task"], "label": "Pendulum-v1"}}))
    (damaged,) = [run for run in store.runs() if isinstance(run, DamagedRun)]
    assert "belongs in suite.json" in damaged.damage and damaged.task.name == "light"
