"""`rlbench new algorithm --like` and `--sb3`: a project that begins with a copy of ours or a subclass of a library's."""

import ast
import functools
import re
import subprocess
import sys
from pathlib import Path

import pytest
from support.cli import rlbench
from support.projects import Project

from rlbench.cli.projects.algorithm_copy import SB3_TRIAL, TRIALS
from rlbench.plugins import load_plugins, survey

PLUGINS = Path(__file__).parents[2] / "plugins"


@pytest.fixture(scope="module")
def copies(tmp_path_factory):
    """A copy of each, called zz_ and its name, made when it is first wanted."""

    @functools.cache
    def copy(like):
        options = ("--sb3",) if like == "sb3" else ("--like", like)
        return Project("algorithm", f"zz_{like}", tmp_path_factory.mktemp(like) / f"zz_{like}", *options)

    return copy


@pytest.mark.parametrize("like", TRIALS)
def test_nothing_but_names_differs_from_the_original(copies, like):
    project, original = copies(like), PLUGINS / f"rlbench_{like}"
    class_name = "Zz" + "".join(part.capitalize() for part in like.split("_"))
    old_class = re.search(rf'"rlbench_{like}\.{like}:(\w+)"', (original / "__init__.py").read_text())[1]
    for path in sorted(original.glob("*.py")):
        copied = project.folder / f"rlbench_zz_{like}" / (f"zz_{like}.py" if path.stem == like else path.name)
        text = copied.read_text()
        assert (f"zz_{like}" in text or class_name in text) or path.stem not in (like, "__init__")
        assert text.replace(f"zz_{like}", like).replace(class_name, old_class) == path.read_text()


@pytest.mark.parametrize("like", [*TRIALS, "sb3"])
def test_its_own_test_sets_parameters_that_it_has(copies, like):
    project = copies(like)
    (config,) = [
        node
        for node in ast.parse((project.folder / f"rlbench_zz_{like}/zz_{like}.py").read_text()).body
        if isinstance(node, ast.ClassDef) and node.name.endswith("Config")
    ]
    fields = {node.target.id for node in config.body if isinstance(node, ast.AnnAssign)}
    own_test = ast.parse((project.folder / f"tests/test_zz_{like}.py").read_text())
    (small,) = [ast.literal_eval(node.value) for node in own_test.body if isinstance(node, ast.Assign)]
    assert small == TRIALS.get(like, SB3_TRIAL).params and set(small) <= fields


@pytest.mark.slow
@pytest.mark.parametrize("like", ["ppo", "sac", "sb3"])
def test_the_next_command_finds_no_broken_rule(copies, like):
    if like == "sb3":
        pytest.importorskip("stable_baselines3")
    command = copies(like).following[1].replace("'", "").split()
    assert command[:3] == ["rlbench", "test-plugin", f"zz_{like}"]
    few = ["--rule", "budget", "--rule", "acting", "--rule", "published"]
    ran = copies(like).rlbench(*command[1:], *few)
    assert ran.returncode == 0 and "keeps all 3 rules that it claims" in ran.stdout, ran.stdout + ran.stderr


@pytest.mark.conformance
@pytest.mark.timeout(900)
@pytest.mark.parametrize("like", ["ppo", "sac", "sb3"])
def test_the_next_command_finds_that_it_keeps_every_rule(copies, like):
    command = copies(like).following[1].replace("'", "").split()
    ran = copies(like).rlbench(*command[1:])
    assert ran.returncode == 0 and "rules that it claims" in ran.stdout, ran.stdout + ran.stderr


def test_every_algorithm_of_ours_with_a_file_of_its_own_can_be_copied():
    offers = [offer for offer in survey(load_plugins()) if offer.distribution == "rlbench"]
    names = {algorithm["name"] for offer in offers for algorithm in offer.algorithms}
    assert {name for name in names if (PLUGINS / f"rlbench_{name}/{name}.py").exists()} - {"script"} == set(TRIALS)


def test_the_subclass_has_no_findings(copies):
    """As a project would have it that chose ruff and lines of 120."""
    for command in (["format", "--check"], ["check", "--select", "E,F,I,UP,B,RUF", "--ignore", "E501,RUF001,RUF002"]):
        ruff = [str(Path(sys.executable).with_name("ruff")), *command, "--isolated", "--config", "line-length=120"]
        ran = subprocess.run([*ruff, "."], cwd=copies("sb3").folder, capture_output=True, text=True)
        assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("termination", "--like", "mbpo"), "mbpo already uses the name Termination or termination.py"),
        (("adam", "--like", "ppo"), "ppo already uses the name Adam"),
        (("mine", "--like", "pppo"), "'pppo' is not one of 'a2c', 'a3c'"),
        (("mine", "--like", "ppo", "--sb3"), "exclude each other"),
    ],
)
def test_what_cannot_be_copied_is_refused_and_nothing_is_written(tmp_path, arguments, said):
    ran = rlbench("new", "algorithm", *arguments, "-o", tmp_path / "there")
    assert ran.returncode == 2 and said in " ".join(ran.stderr.split()), ran.stderr
    assert not (tmp_path / "there").exists()
