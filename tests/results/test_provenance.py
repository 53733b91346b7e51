"""What stands beside a result, and what is noticed when it differs."""

import json
import shutil
import subprocess
from dataclasses import replace

import pytest

from rlbench.api import EvaluationProtocol, RunGroup, Task, Wrapper
from rlbench.plugins import load_plugins
from rlbench.results import changes_since, code_identity, commit, energy
from rlbench.results.code_dependencies import imported_code
from rlbench.results.consistency import find_differences
from rlbench.results.provenance import versions

GROUP = RunGroup("random", {}, Task("CartPole-v1", 100, EvaluationProtocol()), (0,))


@pytest.fixture
def plugin():
    return load_plugins().find("random")


def made(plugin, **more):
    numerics = {"device": "cpu", "compiled": False}
    code, modules = code_identity(plugin, GROUP), imported_code(plugin)
    return {"code": code, "dependencies": modules, "versions": versions(), "numerics": numerics, **more}


def test_a_result_made_as_it_would_be_now_has_not_changed(plugin):
    assert changes_since(made(plugin), plugin, GROUP) == [] and changes_since({}, plugin, GROUP) == []


def test_each_way_in_which_a_result_was_made_otherwise_is_said(plugin):
    code = {**code_identity(plugin, GROUP), "version": "0.0.1"}
    old = made(
        plugin,
        code=code,
        dependencies={"rlbench": {"rlbench.kit.optimizers": "else"}},
        versions={**versions(), "torch": "1.0"},
        numerics={"device": "cuda:1", "compiled": True},
    )
    first, second, *others = changes_since(old, plugin, GROUP)
    assert first == f"version 0.0.1, now {plugin.version}"
    assert second.startswith("rlbench.kit.optimizers has changed (edited ")
    assert others == [
        f"torch 1.0, now {versions()['torch']}",
        "on cuda, now on cpu",
        "compiled, now not compiled",
    ]


def test_runs_that_were_not_made_alike_are_named_with_what_differs(plugin):
    one, other = made(plugin), made(plugin)
    assert find_differences([one, other]) == {}
    other["code"] = {**other["code"], "version": "else"}
    other["numerics"] = {"device": "cuda:0", "compiled": False, "stack_independence": "tolerance"}
    third = {**other, "numerics": {**other["numerics"], "device": "cuda:1"}}
    found = find_differences([one, other, third])
    assert {what: list(names) for what, names in found.items()} == {"code": ["version"], "numerics": ["device"]}
    assert found["numerics"]["device"] == {"cpu": 1, "cuda": 2} and found["code"]["version"]["else"] == 2


def test_modules_that_several_runs_imported_must_be_alike_and_what_only_some_did_is_no_difference():
    first = {"dependencies": {"files": {"mine": "a", "only_here": "b"}, "rlbench": {"rlbench.kit.optimizers": "c"}}}
    other = {"dependencies": {"files": {"mine": "z"}, "rlbench": {"rlbench.kit.optimizers": "c"}}}
    assert find_differences([first, other]) == {"dependencies": {"mine": {"a": 1, "z": 1}}}


def test_what_was_made_before_modules_were_recorded_says_so(plugin):
    old = made(plugin)
    del old["dependencies"]
    assert changes_since(old, plugin, GROUP) == ["produced before rlbench recorded imported code"]


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_the_commit_is_that_of_a_tracked_file_and_says_when_there_are_changes(tmp_path):
    def git(*arguments):
        identity = ["-c", "user.name=x", "-c", "user.email=x@y"]
        return subprocess.run(
            ["git", "-C", tmp_path, *identity, *arguments], check=True, capture_output=True, text=True
        ).stdout

    source, stranger = tmp_path / "a.py", tmp_path / "b.py"
    source.write_text("1")
    stranger.write_text("2")
    git("init")
    assert commit(source) is None
    git("add", "a.py")
    git("commit", "-m", "first")
    head = git("rev-parse", "HEAD").strip()
    assert (commit(source), commit(stranger)) == (head, None)
    source.write_text("3")
    assert commit(source) == head + "+"


def test_energy_is_the_packages_counters_which_may_start_again(tmp_path):
    for name, count in {"intel-rapl:0": 900, "intel-rapl:0:0": 5, "intel-rapl:1": 10}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "energy_uj").write_text(f"{count}\n")
        (tmp_path / name / "max_energy_range_uj").write_text("999\n")
    before = energy.read(tmp_path)
    assert set(before) == {"intel-rapl:0", "intel-rapl:1"}  # a part of a package is not counted twice
    (tmp_path / "intel-rapl:0/energy_uj").write_text("100")  # 900 to 999, then 0 to 100: 200
    (tmp_path / "intel-rapl:1/energy_uj").write_text("60")
    assert energy.joules(before, energy.read(tmp_path)) == pytest.approx(250e-6)
    assert energy.joules({}, {}) is None and energy.read(tmp_path / "absent") == {}


def test_nothing_in_provenance_names_a_path_or_is_beyond_json(plugin):
    assert "/" not in json.dumps([code_identity(plugin, GROUP), imported_code(plugin), versions()])


def test_a_file_that_a_parameter_names_belongs_to_what_made_a_run(plugin, tmp_path):
    script = tmp_path / "train.py"
    script.write_text("print(1)")
    config = {"command": f"python {script} --seed 1", "lr": 0.1}
    group = RunGroup("random", config, GROUP.task, (0,))
    before = {**made(plugin), "code": code_identity(plugin, group)}
    assert changes_since(before, plugin, group) == []
    script.write_text("print(2)")
    assert changes_since(before, plugin, group) == [
        "the data files that its parameters or data_files name have changed"
    ]
    assert "named_files" not in code_identity(plugin, replace(group, config={"command": "python absent.py"}))


def test_files_that_an_environment_is_given_or_that_the_suite_names_belong_to_it_too(plugin, tmp_path):
    levels = tmp_path / "levels.json"
    levels.write_text("[1]")
    groups = [
        replace(GROUP, task=replace(GROUP.task, kwargs={"levels": str(levels)})),
        replace(GROUP, task=replace(GROUP.task, wrappers=(Wrapper("m:W", {"file": str(levels)}),))),
        replace(GROUP, data_files=(str(levels),)),
        replace(GROUP, config={"levels": [{"map": str(levels)}]}),
    ]
    before = [{**made(plugin), "code": code_identity(plugin, group)} for group in groups]
    levels.write_text("[1, 2]")
    for group, result in zip(groups, before):
        assert changes_since(result, plugin, group) == [
            "the data files that its parameters or data_files name have changed"
        ]
