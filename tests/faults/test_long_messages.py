"""Errors of foreign code with messages of any length, or with none: each is reported in a few lines, wherever it is shown."""

import json
from pathlib import Path

import pytest
from support.cli import rlbench

import rlbench as harness
from rlbench.messages import error_text
from rlbench.testing import rule_worker

LONG = 1_000_000
MOST = 10_000  # characters that any command prints of them all
PLUGIN = """
from rlbench import Algorithm, AlgorithmSpec, Supports, hookimpl
from rlbench.api import RlbenchError

class Mute(Exception):
    def __str__(self): raise ValueError("it has no message")

def noted():
    error = ValueError("the message itself")
    error.add_note("n" * 1_000_000)
    return error

ERRORS = {
    "long": lambda: RlbenchError("y" * 1_000_000),
    "mute": Mute,
    "noted": noted,
    "value": lambda: ValueError("z" * 1_000_000),
}

class Raises(Algorithm):
    def act(self, obs): ...
    def train(self, interaction):
        interaction.reset()
        raise ERRORS[self.name]()

KINDS = [type(name, (Raises,), {"name": name}) for name in ERRORS]

@hookimpl
def rlbench_algorithms():
    return [AlgorithmSpec(kind.name, kind, Supports(discrete=True)) for kind in KINDS]
"""
ENVIRONMENT = """
import gymnasium
from raising import ERRORS

class Env(gymnasium.Env):
    def __init__(self, how): raise ERRORS[how]()

gymnasium.register("Raises-v0", Env)
"""
SUITE = """
name: s
algorithms: [{names}]
environments: [{{id: {env}, steps: 40{more}}}]
seeds: 1
evaluation: {{every: 0, final_episodes: 2}}
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    Path("raising.py").write_text(PLUGIN)
    Path("raising_env.py").write_text(ENVIRONMENT)


def test_a_run_that_fails_with_a_message_of_any_length_is_told_in_few_words(here):
    Path("s.yaml").write_text(SUITE.format(names="long, mute, noted, value, random", env="CartPole-v1", more=""))
    ran = rlbench("run", "s.yaml", "-o", "out", "--plugin", "raising.py", "--executor", "serial")
    runs = harness.load("out").runs().set_index("algorithm")
    assert ran.returncode == 1 and runs["status"].tolist() == ["failed"] * 4 + ["done"]
    assert runs["message"]["mute"].startswith("Mute (raising.py:")
    assert runs["message"]["noted"].startswith("ValueError: the message itself (raising.py:")
    assert runs["message"]["long"].startswith("yyy") and runs["message"]["value"].startswith("ValueError: zzz")
    assert max(path.stat().st_size for path in Path("out/attempts").glob("*/exit.json")) < MOST
    (run,) = Path("out/runs").glob("long-*")
    commands = [("status", "out"), ("status", "out", "--json"), ("table", "out"), ("show", run), ("report", "out")]
    for told in (rlbench(*command) for command in commands):
        assert len(told.stdout + told.stderr) < MOST
    own_lines = [line for line in ran.stderr.splitlines() if ": failed: " in line]  # beside them are the tracebacks
    assert len(own_lines) == 8 and max(map(len, own_lines)) < MOST
    assert "y" * 2_100 not in Path("out/report.html").read_text()


def test_a_long_message_in_a_folder_is_cut_when_it_is_read(here):
    Path("s.yaml").write_text(SUITE.format(names="mute", env="CartPole-v1", more=""))
    assert rlbench("run", "s.yaml", "-o", "out", "--plugin", "raising.py", "--executor", "serial").returncode == 1
    (path,) = Path("out/attempts").glob("*/exit.json")
    for entry in ({"message": "y" * LONG}, {"failed": {"0": "y" * LONG}}):
        path.write_text(json.dumps({"status": "failed", **entry}))
        told = rlbench("status", "out")
        assert "yyy" in told.stdout and len(told.stdout) < MOST


@pytest.mark.parametrize("how", ["long", "mute", "value"])
def test_an_environment_that_cannot_be_made_is_told_in_few_words(here, how):
    more = f", kwargs: {{how: {how}}}"
    Path("s.yaml").write_text(SUITE.format(names="random", env='"raising_env:Raises-v0"', more=more))
    told = rlbench("check", "s.yaml")
    assert told.returncode == 2 and "error: raising_env:Raises-v0: " in told.stderr
    assert len(told.stderr) < 3_000 and ("cannot be made: Mute\n" in told.stderr) == (how == "mute")


def test_a_plugin_that_cannot_be_imported_is_told_in_few_words(here):
    Path("long_import.py").write_text(f"raise ValueError('y' * {LONG})")
    Path("mute_import.py").write_text(PLUGIN + "\nraise Mute")
    files = ("--plugin", "long_import.py", "--plugin", "mute_import.py")
    told = rlbench("plugins", *files)
    assert told.returncode == 0 and len(told.stdout + told.stderr) < 2 * MOST
    assert "ValueError: yyy" in told.stdout and "Mute (" in told.stdout


def test_a_broken_rule_is_told_in_few_words(monkeypatch):
    def fails(subject):
        raise AssertionError("y" * LONG)

    def raises(subject):
        raise ValueError("y" * LONG)

    monkeypatch.setattr(rule_worker, "RULES", {"fails": fails, "raises": raises})
    for rule, verdict in (("fails", "failed"), ("raises", "raised")):
        told = rule_worker.check_rule(None, rule)
        assert told[0] == verdict and "yyy" in told[1] and len(told[1]) < MOST


def test_an_error_is_told_by_its_name_if_it_has_no_message():
    class Mute(Exception):
        def __str__(self):
            raise ValueError

    assert error_text(Mute()) == "Mute" and error_text(ValueError()) == "ValueError"
    assert error_text(ValueError("two\nlines")) == "ValueError: two lines"
    assert error_text(ValueError("y" * LONG), 20) == "ValueError: yyyyyyy…"
