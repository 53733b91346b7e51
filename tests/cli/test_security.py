"""A result folder is data: whoever stands in one, or reads one, runs and opens nothing that lies there."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[1] / "comparison"))
from folders import folder

COMMAND = str(Path(sys.executable).with_name("rlbench"))
OPTIONAL = ("org", "numexpr", "bottleneck", "sitecustomize", "usercustomize", "polars", "theirs")


@pytest.fixture
def store(tmp_path):
    scores = {"a": {"CartPole-v1": [30.0, 31.0]}, "b": {"CartPole-v1": [20.0, 22.0]}}
    return folder(tmp_path / "results", scores)


def standing_in(place, *arguments):
    environment = {**os.environ, "RLBENCH_CACHE": str(place.parent / "cache")}
    return subprocess.run([COMMAND, *arguments], capture_output=True, text=True, cwd=place, env=environment)


@pytest.mark.parametrize("arguments", [("table", "."), ("report", "."), ("plugins",), ("ls", "algorithms")])
def test_whoever_reads_finds_no_module_in_the_current_folder(store, arguments):
    ran = store.root.parent / "ran"
    for name in OPTIONAL:
        (store.root / f"{name}.py").write_text(f"open({str(ran)!r}, 'a').write({name!r})")
    metadata = store.root / "theirs-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[rlbench]\nreport-theirs = theirs\ntheirs = theirs\n")
    told = standing_in(store.root, *arguments)
    assert told.returncode == 0 and "theirs" not in told.stdout + told.stderr, told.stderr
    assert not ran.exists()


def test_what_is_installed_is_no_plugin_of_the_current_folder_when_a_suite_is_run(tmp_path):
    (tmp_path / "here").mkdir()
    metadata = tmp_path / "here/theirs-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[rlbench]\nobserve-theirs = theirs\n")
    for name in ("theirs", "sitecustomize"):
        (tmp_path / f"here/{name}.py").write_text("import os; open('../ran', 'w')")
    (tmp_path / "here/s.yaml").write_text(
        "{name: s, algorithms: [random], environments: [{id: CartPole-v1, steps: 40}], seeds: 1}"
    )
    assert standing_in(tmp_path / "here", "check", "s.yaml").returncode == 0
    assert not (tmp_path / "ran").exists()
