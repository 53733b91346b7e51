"""`rlbench new algorithm`: a project that can be installed, keeps every rule, and runs."""

import importlib.metadata
import os
import subprocess
import sys
import tomllib
from pathlib import Path
from unittest.mock import patch

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
from inside import rlbench

SMALL = [f"--set={pair}" for pair in ("hidden=[16]", "batch=16", "warmup=50", "lr=0.01", "target_every=50")]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A project called my_q, and an environment in which it is as good as installed."""
    folder = tmp_path_factory.mktemp("new") / "my_q"
    ran = rlbench("new", "algorithm", "my_q", "-o", folder)
    assert ran.returncode == 0, ran.stderr
    written = {str(Path(line).relative_to(folder)) for line in ran.stdout.splitlines() if line.startswith("/")}
    package = {"rlbench_my_q/__init__.py", "rlbench_my_q/my_q.py"}
    assert written == {"pyproject.toml", "README.md", "suite.yaml", "tests/test_my_q.py", *package}
    told = tomllib.loads((folder / "pyproject.toml").read_text())
    # What pip would write: the distribution's name and its entry points.
    record = folder / "rlbench_my_q-0.1.0.dist-info"
    record.mkdir()
    (record / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {told['project']['name']}\nVersion: 0.1.0\n")
    points = told["project"]["entry-points"]["rlbench"]
    (record / "entry_points.txt").write_text("[rlbench]\n" + "".join(f"{k} = {v}\n" for k, v in points.items()))
    assert importlib.metadata.PathDistribution(record).metadata["Name"] == "rlbench-my-q"
    return folder, {"PYTHONPATH": os.pathsep.join(filter(None, (str(folder), os.environ.get("PYTHONPATH"))))}


def there(made, *arguments):
    """`rlbench` where the project is installed."""
    with patch.object(sys, "path", [str(made[0]), *sys.path]):
        return rlbench(*arguments, **made[1])


@pytest.mark.slow
def test_it_keeps_every_rule_as_it_is_made(made):
    ran = there(made, "test-plugin", "my_q", *SMALL, "--steps", "300", "--learn-steps", "1500")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stdout.splitlines()[-1] == "my_q keeps all 14 rules that it claims"


@pytest.mark.slow
def test_its_own_tests_pass(made):
    folder, environment = made
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-k",
        "budget or acting",
        str(folder / "tests"),
    ]
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=os.environ | environment)
    assert ran.returncode == 0 and "2 passed" in ran.stdout, ran.stdout


@pytest.mark.slow
def test_its_suite_runs_with_other_algorithms(made, tmp_path):
    suite = made[0] / "suite.yaml"
    smaller = ("-s", "1", "-a", "my_q", "-a", "random", "--set", "my_q.warmup=100", "-o", tmp_path / "out")
    text = suite.read_text().replace("20_000", "300")
    suite.write_text(text)
    ran = there(made, "run", suite, *smaller)
    assert ran.returncode == 0, ran.stderr
    assert "my_q" in ran.stdout and "random" in ran.stdout


def test_a_name_that_cannot_be_one_is_refused(tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full/kept.txt").write_text("kept")
    for arguments, said in (
        (("My-DQN",), "lower-case letters"),
        (("dqn",), "already"),
        (("fresh", "-o", tmp_path / "full"), "not an empty folder"),
    ):
        ran = rlbench("new", "algorithm", *arguments)
        assert ran.returncode == 2 and said in ran.stderr, ran.stderr
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["kept.txt"]
