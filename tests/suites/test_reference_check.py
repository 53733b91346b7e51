"""References and registrations are tried by `check`, in a child process, and told at their place in the suite."""

import sys

import gymnasium
import pytest

from rlbench.api import SuiteError
from rlbench.plugins import load_plugins
from rlbench.suites import plan, read_suite

HEAD = "name: s\nalgorithms: [random]\nseeds: 1\n"
ODD = """
import gymnasium, os
def register_envs():
    gymnasium.register("Odd-v0", "gymnasium.envs.classic_control:CartPoleEnv", max_episode_steps=9)
def leaves():
    print("no licence")
    os._exit(3)
"""


def planned(tmp_path, text):
    (tmp_path / "s.yaml").write_text(HEAD + text)
    return plan(read_suite(tmp_path / "s.yaml"), load_plugins())


@pytest.fixture
def odd(tmp_path, monkeypatch):
    (tmp_path / "odd_module.py").write_text(ODD)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr("rlbench.envs.registrations._CALLED", set())
    yield
    gymnasium.registry.pop("Odd-v0", None)
    sys.modules.pop("odd_module", None)


def test_each_problem_is_at_its_place(tmp_path, odd):
    with pytest.raises(SuiteError) as error:
        planned(
            tmp_path,
            "register: [odd_module:register_envs, odd_module:nothing]\n"
            "environments:\n"
            "  - id: CartPole-v1\n"
            "    steps: 400\n"
            "    kwargs:\n"
            "      a: {$import: 'no_such_module:f'}\n"
            "      b: {$arry: [1]}\n"
            "    reset_options: {$import: 'math:pi'}\n"
            "    wrappers: [{name: 'gymnasium.wrappers:TransformReward', kwargs: {func: {$import: 'math:expp'}}}]\n",
        )
    lines = [line.split("s.yaml:")[1] for line in str(error.value).splitlines() if "error:" in line]
    assert [line.partition(": error: ")[0].partition(":")[0] for line in lines] == ["4", "9", "10", "11", "12"]
    for line, said in zip(
        lines,
        [
            "'odd_module' has no 'nothing'",
            "'no_such_module' cannot be imported: ModuleNotFoundError",
            "unknown key '$arry'; did you mean '$array'?",
            "reset_options is a mapping of names to values; only a value may be a reference",
            "'math' has no 'expp'; did you mean 'exp'?",
        ],
    ):
        assert said in line


def test_a_registration_that_ends_its_process_is_told_and_harms_nothing(tmp_path, odd):
    with pytest.raises(SuiteError, match="odd_module:leaves ended the process with code 3: no licence"):
        planned(tmp_path, "register: odd_module:leaves\nenvironments: [{id: CartPole-v1, steps: 400}]\n")


def test_what_is_in_the_key(tmp_path, odd):
    environment = "environments: [{id: Pendulum-v1, steps: 400%s}]\n"
    by_reference = ", kwargs: {g: {$import: 'scipy.constants:g'}}"
    texts = {
        "plain": environment % "",
        "registered": "register: odd_module:register_envs\n" + environment % "",
        "options": environment % ", reset_options: {x_init: 0.1}",
        "reference": environment % by_reference,
    }
    runs = {name: planned(tmp_path, text).groups[0].runs[0] for name, text in texts.items()}
    assert runs["registered"].key == runs["plain"].key
    assert len({run.key for run in runs.values()}) == 3
    assert runs["reference"].task.kwargs == {"g": {"$import": "scipy.constants:g"}}


@pytest.mark.parametrize(
    "given, what", [("reset_options: {low: 0.1}", "reset_options"), ("kwargs: {a: {$array: [1]}}", "references")]
)
def test_another_backend_than_gymnasiums_refuses_what_it_cannot_pass_on(tmp_path, given, what):
    with pytest.raises(SuiteError, match=f"4:.*: environments of the backend envpool take no {what}"):
        planned(tmp_path, f"environments: [{{id: CartPole-v1, steps: 400, backend: envpool, {given}}}]\n")


def test_registered_ids_are_planned(tmp_path, odd):
    (group,) = planned(
        tmp_path, "register: odd_module:register_envs\nenvironments: [{id: Odd-v0, steps: 400}]\n"
    ).groups
    assert group.task.register == ("odd_module:register_envs",)
