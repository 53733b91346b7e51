"""What each agent of a multi-agent run was paid, in published tables, frames and exports."""

import json
import shutil

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from support import scripted_worlds
from support.cli import rlbench as command

import rlbench
from rlbench.analysis.folder_diff import identical_runs
from rlbench.results.checksums import with_checksum
from rlbench.results.file_io import file_hash
from rlbench.results.publication import write_table
from rlbench.results.table_repair import restore_tables

SUITE = """
name: agents
algorithms: [random]
environments:
  - {id: "scripted_worlds:Script", label: script, backend: pettingzoo, steps: 30, kwargs: {pays: {a: 1, b: 10},
     max_episode_steps: 4}}
  - {id: "scripted_worlds:Walk", label: walk, backend: pettingzoo, steps: 30}
  - {id: CartPole-v1, steps: 30}
seeds: 2
evaluation: {every: 15, episodes: 2, final_episodes: 3}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    home = tmp_path_factory.mktemp("agents")
    (home / "suite.yaml").write_text(SUITE)
    shutil.copy(scripted_worlds.__file__, home / "scripted_worlds.py")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(home)
        patch.setenv("PYTHONPATH", str(home))
        ran = command("run", home / "suite.yaml", "-o", home / "r", "-j", "1", "--no-report")
    assert ran.returncode == 0, ran.stderr
    return home / "r"


def result_of(folder, name):
    path = next(folder.glob(f"runs/*{name}*s00*"))
    return path, json.loads((path / "result.json").read_text())


def test_a_result_names_the_agents_and_a_single_agents_has_no_such_key(folder):
    assert result_of(folder, "Script")[1]["agents"] == ["a", "b", "c"]
    assert "agents" not in result_of(folder, "CartPole")[1]


def test_tables_have_a_column_of_agents_only_if_there_are_several(folder):
    path, _ = result_of(folder, "Script")
    assert pq.read_table(path / "episodes.parquet")["agent_returns"][0].as_py() == [4, 40, 4]
    assert pq.read_table(path / "evaluations.parquet")["agent_returns"][0].as_py() == [[4, 40, 4], [4, 40, 4]]
    path, _ = result_of(folder, "CartPole")
    for table in ("episodes", "evaluations"):
        assert "agent_returns" not in pq.read_table(path / f"{table}.parquet").column_names


def test_frames_have_a_column_for_each_agent_by_name_which_add_up_to_the_teams(folder):
    results = rlbench.load(folder)
    episodes, evaluations = results.episodes(), results.evaluations()
    script = episodes[episodes.environment == "script"]
    assert script[["return_a", "return_b", "return_c"]].to_numpy().tolist() == [[4, 40, 4]] * len(script)
    walk = evaluations[evaluations.environment == "walk"]
    sums = walk.return_mean_agent_0 + walk.return_mean_agent_1
    assert len(walk) == 6 and np.allclose(sums, walk.return_mean)
    others = episodes[episodes.environment == "CartPole-v1"]
    assert others.filter(like="return_").isna().all(axis=None) and others["return"].notna().all()


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_exports_have_the_columns_too(folder, tmp_path, form):
    written = command("export", folder, "-o", tmp_path / "out", "--format", form)
    assert written.returncode == 0, written.stderr
    path = tmp_path / "out" / f"episodes.{form}"
    frame = pd.read_csv(path) if form == "csv" else pd.read_parquet(path)
    assert frame[frame.environment == "script"].return_b.tolist() == [40.0] * (frame.environment == "script").sum()


def test_a_damaged_table_is_restored_with_its_agents(folder, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    results = rlbench.load(copy)
    run = next(run for run in results.requested if run.task.name == "script" and run.seed == 0)
    path = results.store.folder(run) / "episodes.parquet"
    intact = path.read_bytes()
    path.write_bytes(b"")
    assert restore_tables(results.store, run, results.states[run.key]) == ["episodes.parquet"]
    assert path.read_bytes() == intact


def test_folders_are_compared_by_what_the_agents_were_paid_too(folder, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    new, base = rlbench.load(copy), rlbench.load(folder)
    cell = ("random", "script")
    assert identical_runs(new, base, cell) == 2
    path, result = result_of(copy, "Script")
    rows = pq.read_table(path / "episodes.parquet").to_pylist()
    write_table(path / "episodes.parquet", "episodes", [{**row, "agent_returns": [4, 4, 40]} for row in rows])
    result["files"]["episodes.parquet"]["sha256"] = file_hash(path / "episodes.parquet")
    (path / "result.json").write_text(json.dumps(with_checksum(result)))
    assert identical_runs(rlbench.load(copy), base, cell) == 1
