"""The example plugins as a stranger's: built, installed beside rlbench into a fresh environment, found and run."""

import json
import zipfile

import pytest
from support.fresh_environment import EXAMPLES, ROOT

pytestmark = [pytest.mark.packaging, pytest.mark.long]


def suite(folder, **keys):
    path = folder / "s.yaml"
    path.write_text(json.dumps({"name": "s", "seeds": 2, **keys}))
    return path


def test_rlbenchs_own_wheel_has_no_example_in_it(wheels):
    names = zipfile.ZipFile(wheels["rlbench"]).namelist()
    assert "rlbench_dqn/dqn.py" in names
    assert not [name for name in names if "example" in name or "linear_cem" in name or "windy" in name]


def test_rlbenchs_own_wheel_has_the_stubs_that_list_its_names(wheels):
    names = zipfile.ZipFile(wheels["rlbench"]).namelist()
    assert {str(path.relative_to(ROOT)) for path in ROOT.glob("rlbench/**/*.pyi")} <= {*names}
    assert "rlbench/py.typed" in names  # without it, a plugin's type checker sees none of the types


def test_rlbench_is_the_one_of_the_wheel(fresh):
    ran = fresh.run("python", "-c", "import rlbench, rlbench_dqn; print(rlbench.__file__, rlbench_dqn.__file__)")
    assert ran.stdout.count(str(fresh.site)) == 2, ran.stdout + ran.stderr


def test_they_are_listed_with_their_distributions_and_versions(fresh):
    listed = json.loads(fresh.run("rlbench", "plugins", "--json").stdout)
    told = ("distribution", "version", "offers", "state")
    rows = {row["plugin"]: tuple(row[name] for name in told) for row in listed}
    assert rows["cem"] == ("linear-cem", "0.3.0", ["cem"], "ready")
    assert rows["windy"] == rows["report-windy"] == ("windy-grid", "1.2.0", ["windy"], "ready")
    assert rows["dqn"][0] == "rlbench"


def test_the_algorithm_keeps_every_rule_that_it_claims(fresh):
    small = ("--set", "population=8", "--set", "episodes=4", "--steps", "600", "--learn-steps", "1500")
    ran = fresh.run("rlbench", "test-plugin", "cem", *small)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stdout.splitlines()[-1] == "cem keeps all 13 rules that it claims"


def test_the_algorithm_beats_random_in_a_suite_with_it(fresh, tmp_path):
    """On CartPole-v1 a linear policy can get all 500; random actions get about 22."""
    task = {"id": "CartPole-v1", "steps": 15_000, "evaluation": {"every": 0, "final_episodes": 20}}
    path = suite(tmp_path, algorithms=["random", "cem"], environments=[task])
    ran = fresh.run("rlbench", "run", path, "-o", tmp_path / "out")
    assert ran.returncode == 0, ran.stderr
    scores = {row.split()[1]: float(row.split()[2]) for row in ran.stdout.splitlines() if row.startswith("CartPole")}
    assert scores["random"] < 40 and scores["cem"] > 100


def test_a_suite_runs_on_the_backend_and_the_report_has_the_section(fresh, tmp_path, monkeypatch):
    monkeypatch.delenv("RLBENCH_NO_REPORT", raising=False)
    task = {"id": "WindyGrid-v0", "backend": "windy", "steps": 1_000, "kwargs": {"gusts": True}}
    protocol = {"every": 0, "final_episodes": 2}
    path = suite(tmp_path, algorithms=["random"], environments=[task], evaluation=protocol)
    ran = fresh.run("rlbench", "run", path, "-o", tmp_path / "out")
    assert ran.returncode == 0 and "2/2" in ran.stdout, ran.stderr
    page = (tmp_path / "out/report.html").read_text()
    assert "The way to the goal</h2>" in page and "This section failed" not in page
    assert "windy-grid 1.2.0" in page  # the backend's version, among the provenance


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_its_own_tests_pass_and_its_suite_passes_check(fresh, example):
    pytest_ = ("pytest", "-q", "-p", "no:cacheprovider", "-W", "error", "-k", "not rules", "--rootdir", fresh.home)
    ran = fresh.run(*pytest_, example / "tests")
    assert ran.returncode == 0 and " passed" in ran.stdout, ran.stdout + ran.stderr
    ran = fresh.run("rlbench", "check", example / "suite.yaml")
    assert ran.returncode == 0 and "skipped" not in ran.stdout, ran.stdout + ran.stderr
