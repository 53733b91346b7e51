"""docs/storage.md says of every file that a run leaves, and of every key of result.json, what it is."""

import json
import re
from pathlib import Path

import pytest
from support.cli import rlbench

PAGE = (Path(__file__).parents[2] / "docs/storage.md").read_text()
SUITE = """
name: small
algorithms: [random]
environments: [{id: CartPole-v1, steps: 30}]
seeds: 1
evaluation: {every: 0, final_episodes: 1}
"""
OF_OTHER_RUNS = {"agents", "told", "environment_repeats", "group_profile", "score_from"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("storage")
    (place / "small.yaml").write_text(SUITE)
    ran = rlbench("run", place / "small.yaml", "-o", place / "small", "--executor", "serial")
    assert ran.returncode == 0, ran.stderr
    return place / "small"


def test_the_table_of_result_json_has_its_keys_in_their_order(folder):
    table = PAGE.split("## result.json")[1]
    told = re.findall(r"`([a-z_]+)`", "".join(row.split("|")[1] for row in table.splitlines() if row[:3] == "| `"))
    (path,) = folder.glob("runs/*/result.json")
    assert [key for key in told if key not in OF_OTHER_RUNS] == list(json.loads(path.read_text()))
    assert set(told) >= OF_OTHER_RUNS


def test_every_file_that_a_run_leaves_is_named(folder):
    names = {path.name for path in folder.rglob("*") if path.is_file()}
    assert len(names) > 10 and {name for name in names if f"`{name}`" not in PAGE} == set()


def test_every_status_of_a_run_is_explained():
    from rlbench.api import RunStatus

    table = PAGE.split("## Status of a run")[1].split("## ")[0]
    told = set(re.findall(r"`([a-z]+)`", "".join(row.split("|")[1] for row in table.splitlines() if row[:3] == "| `")))
    assert told == {str(status) for status in RunStatus}
