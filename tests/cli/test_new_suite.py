"""`rlbench new suite`: a file that says what its parts mean, and that can be run as it is."""

import json
import re
from pathlib import Path

import pytest
from support.cli import rlbench
from support.installation import GOOD

from rlbench.plugins import load_plugins, resolve
from rlbench.suites import builtin_suites, load_suite

PLUGIN = GOOD.format(name="zero")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def made(*arguments):
    """The suite that these arguments make, called mine, and what was printed."""
    ran = rlbench("new", "suite", "mine", *arguments)
    assert ran.returncode == 0, ran.stderr
    return load_suite(Path("mine.yaml")), ran


def checked(*arguments):
    return rlbench("check", "mine.yaml", *arguments)


def test_without_options_it_is_quickstart_by_another_name(folder):
    suite, _ = made()
    assert suite.model_copy(update={"name": "quickstart"}) == load_suite(builtin_suites()["quickstart"])
    ran = checked()
    assert ran.returncode == 0 and ran.stdout.startswith("mine: 15 runs, 15 to do")


@pytest.mark.parametrize(
    ("environments", "algorithms"),
    [
        (("Acrobot-v1",), ["random", "dqn", "ppo"]),
        (("Pendulum-v1",), ["random", "sac", "ppo"]),
        (("CartPole-v1", "Pendulum-v1"), ["random", "dqn", "sac", "ppo"]),
    ],
)
def test_the_algorithms_are_those_that_the_actions_ask_for(folder, environments, algorithms):
    suite, _ = made(*(f"-e{name}" for name in environments))
    assert [a.id for a in suite.algorithms] == algorithms and not any(a.params for a in suite.algorithms)
    assert tuple(e.id for e in suite.environments) == environments
    assert checked().returncode == 0


def test_what_is_asked_for_stands_in_it_beside_random(folder):
    suite, ran = made("-a", "dqn", "-a", "dqn", "-a", "a2c", "--steps", "4000", "-s", "3")
    assert [a.id for a in suite.algorithms] == ["random", "dqn", "a2c"]
    assert (suite.environments[0].steps, suite.seeds, suite.evaluation.every) == (4000, (0, 1, 2), 400)
    assert ran.stdout == "mine.yaml\n\nnext:\n  rlbench check mine.yaml\n  rlbench run mine.yaml\n"


def test_a_pair_that_does_not_fit_is_said(folder):
    _, ran = made("-a", "dqn", "-e", "Pendulum-v1")
    assert ran.stderr == "skipped: dqn on Pendulum-v1: actions are Box, but dqn supports discrete actions\n"


@pytest.mark.parametrize(
    ("name", "environment", "unsaid"),
    [
        ("dqn", "CartPole-v1", {"loss", "adam_eps", "exploration_schedule"}),
        ("ppo", "CartPole-v1", {"shared", "adam_eps"}),
        ("a2c", "CartPole-v1", {"shared", "adam_eps", "rms_prop_alpha", "rms_prop_tf_like"}),
        ("ddpg", "Pendulum-v1", {"critic_learning_rate"}),
        ("td3", "Pendulum-v1", {"critic_learning_rate"}),
        ("sac", "Pendulum-v1", {"critic_learning_rate", "log_std_min", "log_std_max", "layer_norm", "dropout"}),
    ],
)
def test_an_algorithm_and_stable_baselines3s_of_the_name_get_the_same_numbers(folder, name, environment, unsaid):
    """Tuned ones on quickstart's environment, defaults elsewhere; what theirs has no parameter for is left out."""
    pytest.importorskip("stable_baselines3")
    suite, _ = made("-a", name, "-a", f"sb3/{name}", "-e", environment)
    asked = [(a.id, a.params) for a in suite.algorithms if a.id != "random"]
    ours, theirs = resolve(load_plugins(), asked)
    assert {k for k in ours.config if k not in theirs.config} == unsaid
    assert {k: v for k, v in ours.config.items() if k not in unsaid and v != theirs.config[k]} == {}
    assert f"# the values of {name}; all other hyperparameters have" in Path("mine.yaml").read_text()
    if name == "dqn":
        assert theirs.config["learning_rate"] == "lin_0.001" and theirs.config["target_update_interval"] == 100


def test_the_example_in_its_comments_can_be_taken_in(folder):
    made("-a", "dqn")
    text = Path("mine.yaml").read_text()
    Path("mine.yaml").write_text(re.sub(r"^  # (- id:|  label:|  params:)", r"  \1", text, flags=re.MULTILINE))
    assert [a.name for a in load_suite(Path("mine.yaml")).algorithms] == ["random", "dqn", "dqn, slower"]
    assert checked().stdout.startswith("mine: 15 runs")


def test_the_schema_is_named_where_it_lies_beside_it(folder):
    made("--schema")
    assert Path("mine.yaml").read_text().startswith("# yaml-language-server: $schema=suite.schema.json\n")
    assert json.loads(Path("suite.schema.json").read_text())["title"] == "Suite"
    rlbench("new", "suite", "second")
    assert Path("second.yaml").read_text().startswith("# yaml-language-server: $schema=suite.schema.json\n")
    rlbench("new", "suite", "third", "-o", "elsewhere/third.yaml")
    assert not Path("elsewhere/third.yaml").read_text().startswith("# yaml-language-server")


def test_an_algorithm_of_a_file_is_found_and_the_file_is_named_in_what_comes_next(folder):
    Path("zero.py").write_text(PLUGIN)
    suite, ran = made("-a", "zero", "--plugin", "zero.py")
    assert [a.id for a in suite.algorithms] == ["random", "zero"]
    assert "  rlbench run mine.yaml --plugin zero.py\n" in ran.stdout
    assert "label:" not in Path("mine.yaml").read_text()  # it has no learning rate to show with


def test_a_name_that_yaml_would_take_for_a_number_is_quoted(folder):
    assert rlbench("new", "suite", "007", "-a", "random").returncode == 0
    assert load_suite(Path("007.yaml")).name == "007"


def test_the_name_may_be_given_as_that_of_the_file(folder):
    assert rlbench("new", "suite", "mine.yaml", "-a", "random").returncode == 0
    assert load_suite(Path("mine.yaml")).name == "mine"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("mine", "-a", "dqnn"), "nothing called 'dqnn' is installed; did you mean 'dqn'?"),
        (("mine", "-e", "CartPol-v1"), "CartPol-v1: cannot be made"),
        (("a b",), "should begin with a letter or digit"),
        (("quickstart",), "rlbench has a built-in suite 'quickstart'"),
        (("mine", "--steps", "1001"), "mine.yaml was not written"),
    ],
)
def test_what_cannot_be_run_is_refused_and_not_written(folder, arguments, said):
    ran = rlbench("new", "suite", *arguments)
    assert ran.returncode == 2 and said in " ".join(ran.stderr.split()), ran.stderr
    assert not any(folder.iterdir())


def test_a_file_that_is_there_is_kept(folder):
    Path("mine.yaml").write_text("kept")
    for arguments in ((), ("-o", "mine.yaml")):
        ran = rlbench("new", "suite", "mine", *arguments)
        assert ran.returncode == 2 and "mine.yaml exists" in ran.stderr
    assert Path("mine.yaml").read_text() == "kept"
