"""`rlbench new algorithm`, `environment`, `report`: projects that can be installed, pass their own tests, and run."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.broken_disk import refusing
from support.cli import rlbench
from support.projects import Project

SMALL = [
    f"--set={pair}"
    for pair in (
        "net_arch=[16]",
        "batch_size=16",
        "learning_starts=50",
        "learning_rate=0.01",
        "target_update_interval=50",
    )
]
KINDS = ("algorithm", "environment", "report")
# Of their own tests; the others take longer, and are run by tests/thirdparty/test_scaffolds.py.
CHOSEN = {"algorithm": "budget or acting", "environment": "", "report": "not page"}


@pytest.fixture(scope="module")
def projects(tmp_path_factory):
    """One of each kind, called my_algorithm and so on."""
    return {kind: Project(kind, f"my_{kind}", tmp_path_factory.mktemp(kind) / f"my_{kind}") for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS)
def test_a_project_has_a_package_a_test_a_readme_and_a_suite(projects, kind):
    package = {f"rlbench_my_{kind}/__init__.py", f"rlbench_my_{kind}/my_{kind}.py"}
    assert projects[kind].files == {"pyproject.toml", "README.md", "suite.yaml", f"tests/test_my_{kind}.py", *package}
    assert projects[kind].distribution == f"rlbench-my-{kind}"


@pytest.mark.parametrize("kind", KINDS)
def test_what_it_writes_is_formatted_and_without_findings(projects, kind):
    """As a project would have it that chose ruff and lines of 120."""
    for command in (["format", "--check"], ["check", "--select", "E,F,I,UP,B,RUF", "--ignore", "E501,RUF001,RUF002"]):
        ruff = [str(Path(sys.executable).with_name("ruff")), *command, "--isolated", "--config", "line-length=120"]
        ran = subprocess.run([*ruff, "."], cwd=projects[kind].folder, capture_output=True, text=True)
        assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_its_own_tests_pass(projects, kind):
    project = projects[kind]
    command = [sys.executable, "-m", "pytest", "-q", "-W", "error", "-k", CHOSEN[kind], "tests"]
    told = os.environ | project.environment
    ran = subprocess.run(command, cwd=project.folder, capture_output=True, text=True, env=told)
    assert ran.returncode == 0 and " passed" in ran.stdout, ran.stdout


@pytest.mark.long
def test_an_algorithm_keeps_every_rule_as_it_is_made(projects):
    ran = projects["algorithm"].rlbench(
        "test-plugin", "my_algorithm", *SMALL, "--steps", "300", "--learn-steps", "1500"
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stdout.splitlines()[-1] == "my_algorithm keeps all 14 rules that it claims"


@pytest.mark.slow
def test_an_algorithms_suite_runs_with_other_algorithms(projects, tmp_path):
    project = projects["algorithm"]
    suite = tmp_path / "suite.yaml"
    suite.write_text((project.folder / "suite.yaml").read_text().replace("20_000", "300"))
    smaller = (
        "-s",
        "1",
        "-a",
        "my_algorithm",
        "-a",
        "random",
        "--set",
        "my_algorithm.learning_starts=100",
        "--set",
        "dqn.learning_starts=100",
        "-o",
        tmp_path / "out",
    )
    ran = project.rlbench("run", suite, *smaller)
    assert ran.returncode == 0, ran.stderr
    assert "my_algorithm" in ran.stdout and "random" in ran.stdout


@pytest.mark.long
def test_an_environments_suite_finds_it_by_its_module_and_dqn_learns_it(projects, tmp_path):
    """The best return is about 0.5, and random actions get about -3."""
    project = projects["environment"]
    ran = project.rlbench("run", project.folder / "suite.yaml", "-s", "1", "-o", tmp_path / "out")
    assert ran.returncode == 0, ran.stderr
    scores = {row.split()[1]: float(row.split()[2]) for row in ran.stdout.splitlines() if "MyEnvironment-v0" in row}
    assert scores["dqn"] > 0.2 and scores["random"] < -2


def test_a_reports_section_stands_among_the_others(projects):
    ran = projects["report"].rlbench("ls", "reports")
    assert [line.split()[0] for line in ran.stdout.splitlines()][2:5] == ["scores", "my-report", "aggregates"]


def test_what_comes_next_names_the_folder_as_a_shell_takes_it(tmp_path):
    project = Project("environment", "spaced", tmp_path / "my folder")
    assert project.following[0] == f"pip install -e '{tmp_path}/my folder[test]'"
    assert project.following[-1] == f"rlbench run '{tmp_path}/my folder'/suite.yaml"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("algorithm", "My-DQN"), "'My-DQN' should be lower-case letters"),
        (("environment", "grid_"), "'grid_' should be lower-case letters"),
        (("report", "class"), "such as my_report, and not a keyword of Python"),
        (("algorithm", "dqn"), "there is already a plugin called 'dqn'"),
        (("environment", "dqn"), "a package rlbench_dqn is installed already"),
        (("report", "scores"), "the report already has a section called 'scores'"),
        (("algorithm", "replay"), "the class Replay would hide an imported class in its file"),
    ],
)
def test_a_name_that_cannot_be_one_is_refused_and_nothing_is_written(tmp_path, arguments, said):
    ran = rlbench("new", *arguments, "-o", tmp_path / "there")
    assert ran.returncode == 2 and said in " ".join(ran.stderr.split()), ran.stderr
    assert not (tmp_path / "there").exists()


@pytest.mark.parametrize("kind", KINDS)
def test_a_folder_with_something_in_it_is_left_as_it_is(tmp_path, kind):
    (tmp_path / "kept.txt").write_text("kept")
    ran = rlbench("new", kind, "fresh", "-o", tmp_path)
    assert ran.returncode == 2 and "is not an empty folder" in ran.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["kept.txt"]


def test_a_project_that_finds_no_room_leaves_nothing_and_can_be_made_again(tmp_path, monkeypatch):
    (tmp_path / "empty").mkdir()
    write, full = Path.write_text, refusing(errno.ENOSPC)

    def write_some(path, *arguments):
        return full() if path.name == "suite.yaml" else write(path, *arguments)

    for place in (tmp_path / "empty", tmp_path / "new"):
        with monkeypatch.context() as patch:
            patch.setattr(Path, "write_text", write_some)
            ran = rlbench("new", "report", "mine", "-o", place)
        assert ran.returncode == 74 and "no room left to write" in ran.stderr
        assert not list(place.glob("*")) and place.exists() is (place.name == "empty")
        assert rlbench("new", "report", "mine", "-o", place).returncode == 0
