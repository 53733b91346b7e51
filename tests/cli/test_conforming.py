"""`rlbench test-plugin`: verdicts as they come, whatever the algorithm does to its process."""

import json

import pytest
from support.cli import rlbench

from rlbench.testing import check

UNRULY = """
import os, signal
from rlbench import Algorithm, AlgorithmSpec, hookimpl

class Unruly(Algorithm):
    def act(self, obs):
        return self.streams.sample("evaluate", self.task.action_space, obs.shape[:2])

    def train(self, interaction):
        print("about to misbehave", flush=True)
        HOW
        interaction.reset()
        while not interaction.finished:
            interaction.step(self.streams.sample("explore", self.task.action_space, interaction.obs.shape[:2]))

@hookimpl
def rlbench_algorithms():
    return [AlgorithmSpec("unruly", Unruly)]
"""


@pytest.fixture
def unruly(tmp_path):
    def written(how="pass"):
        (tmp_path / "unruly.py").write_text(UNRULY.replace("HOW", how))
        return tmp_path / "unruly.py"

    return written


def test_all_that_is_claimed_is_tried_and_the_rest_is_said(unruly):
    ran = rlbench("test-plugin", "unruly", "--plugin", unruly(), "--steps", "60", "--learn-steps", "100", "--json")
    told = json.loads(ran.stdout)
    rows = {row["rule"]: row for row in told["rules"]}
    assert ran.returncode == 1 and told["broken"] == ["resume"]  # it never calls interaction.checkpoint
    assert "interaction.checkpoint" in rows["resume"]["seen"] and rows["resume"]["read"] == "docs/rules.md#resume"
    assert rows["learns"]["verdict"] == "not claimed" and rows["budget"]["seen"] == "67 of 67 steps"


@pytest.mark.parametrize(
    ("how", "told"), [("os.kill(os.getpid(), signal.SIGSEGV)", "by SIGSEGV"), ("os._exit(0)", "with code 0")]
)
def test_a_process_that_dies_is_one_verdict_and_the_next_rule_has_another(unruly, how, told):
    file = unruly(how)
    rules = ("--rule", "configuration", "--rule", "budget", "--rule", "spaces")
    ran = rlbench("test-plugin", "unruly", "--plugin", file, *rules, "--steps", "60")
    lines = [line.split() for line in ran.stdout.splitlines()]
    assert ran.returncode == 1, ran.stderr
    assert lines[0][:2] == ["passed", "configuration"]
    assert [line[:2] for line in lines if line[:1] == ["died"]] == [["died", "spaces"], ["died", "budget"]]
    assert f"{told}: about to misbehave" in ran.stdout and "details: docs/rules.md#budget" in ran.stdout
    assert ran.stdout.splitlines()[-1] == "unruly breaks spaces, budget"


def test_one_that_never_ends_is_stopped(unruly):
    file = unruly("signal.pause()")
    ran = rlbench("test-plugin", "unruly", "--plugin", file, "--rule", "budget", "--timeout", "5s")
    assert ran.returncode == 1 and ran.stdout.splitlines()[0].split()[:2] == ["timeout", "budget"]


def test_mistakes_are_told_before_anything_runs():
    for arguments, said in (
        (("dqn", "--rule", "resum"), "did you mean 'resume'?"),
        (("dqn", "--set", "learning_rate"), "should be PARAM=VALUE"),
        (("dqn", "--set", "learning=3"), "unknown parameter"),
        (("dqn", "--timeout", "soon"), "should be a duration"),
        (("dqnn",), "dqn"),
    ):
        ran = rlbench("test-plugin", *arguments)
        assert ran.returncode == 2 and said in ran.stderr and not ran.stdout, ran.stderr


def test_a_rule_is_one_call_in_a_test_of_ones_own(unruly):
    file = unruly()
    check("unruly", "budget", steps=60, plugin_files=[file])
    with pytest.raises(AssertionError, match=r"unruly failed resume: .*interaction.checkpoint"):
        check("unruly", "resume", steps=60, plugin_files=[file])
    with pytest.raises(pytest.skip.Exception, match="returned nothing"):
        check("unruly", "learns", learn_steps=100, plugin_files=[file])
    with pytest.raises(KeyError):
        check("unruly", "resum", plugin_files=[file])
