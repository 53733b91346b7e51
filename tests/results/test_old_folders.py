"""Result folders of earlier versions are readable for ever: each was packed when its version was the current one.

All are of the same suite: the algorithms random, leans (which has a policy), diverges, fails and killed, for 200 steps
on CartPole-v1 with one seed. Whoever raises the version packs a folder of it.
"""

import json
import tarfile
from pathlib import Path

import pytest
from support.cli import rlbench

import rlbench as harness
from rlbench.results.score_anchors import shipped_anchors

PACKED = sorted((Path(__file__).parent / "old_folders").glob("*.tar.gz"))
STATUSES = {"random": "done", "leans": "done", "diverges": "diverged", "fails": "failed", "killed": "interrupted"}
SCORES = {"random": 17.0, "leans": 91 / 3, "diverges": shipped_anchors()["CartPole-v1"].lower}
TRAINING = {"random": 26.0, "leans": 45.5, "diverges": 130 / 3}
SUITE = """
name: old
algorithms: [random]
environments: [{id: CartPole-v1, steps: 200}]
seeds: 1
evaluation: {every: 100, episodes: 2, final_episodes: 3}
checkpoint_every: 100
"""


@pytest.fixture(params=PACKED, ids=lambda path: path.name.removesuffix(".tar.gz"))
def folder(request, tmp_path):
    root = tmp_path / request.param.name.removesuffix(".tar.gz")
    with tarfile.open(request.param) as packed:
        packed.extractall(root, filter="data")
    return root / "results"


def test_every_version_so_far_is_there():
    assert harness.__version__ in {path.name.removesuffix(".tar.gz") for path in PACKED}


def as_in(folder, name):
    """Return the status of an algorithm's run; the first folder is older than divergence by an action."""
    return "failed" if name == "diverges" and "early" in folder.parent.name else STATUSES[name]


def test_its_table_has_the_numbers_that_it_always_had(folder):
    ran = rlbench("table", folder, "--json")
    cells = {cell["algorithm"]: cell for cell in json.loads(ran.stdout)["cells"]}
    assert ran.returncode == 0 and not ran.stderr and list(cells) == list(STATUSES)
    for name, cell in cells.items():
        status = as_in(folder, name)
        has_score = status in ("done", "diverged")
        assert cell["statuses"] == {status: 1} and cell["n_valid"] == has_score
        assert cell["iqm"] == (pytest.approx(SCORES[name], abs=1e-9) if has_score else None)
        assert cell["training_return"] == (pytest.approx(TRAINING[name]) if has_score else None)


def test_its_records_have_the_rows_that_they_always_had(folder):
    results = harness.load(folder)
    runs = results.runs().set_index("algorithm")
    assert runs["status"].to_dict() == {name: as_in(folder, name) for name in STATUSES}
    assert runs.loc["fails", "message"].startswith("ValueError: a mistake (odd.py:26)")
    published = [name for name in STATUSES if as_in(folder, name) in ("done", "diverged")]
    rows = results.evaluations().groupby("algorithm").size().to_dict()
    assert rows == {name: 1 if name == "diverges" else 3 for name in published}
    assert results.metrics().query("algorithm == 'leans'")["value"].tolist() == [0.0, 50.0, 100.0, 150.0]
    assert results.episodes().query("algorithm == 'leans'")["length"].sum() in range(150, 201)


def test_every_command_that_reads_reads_it(folder, tmp_path):
    run = next((folder / "runs").glob("leans-*"))
    for arguments, codes in (
        (["status", folder], (0, 1)), (["show", run], (0,)), (["logs", run], (0,)), (["report", folder], (0,)),
        (["export", folder, "-o", tmp_path / "exported"], (0,)), (["compare", "leans", "random", "-d", folder], (5,)),
        (["gate", folder, "--against", folder], (0, 1, 5)), (["power", folder], (4,)), (["reproduce", run], (0,)),
    ):  # fmt: skip
        ran = rlbench(*arguments)
        assert ran.returncode in codes and "internal error" not in ran.stderr, (arguments, ran)


def test_its_finished_runs_are_those_of_the_same_suite_today(folder, tmp_path):
    (tmp_path / "s.yaml").write_text(SUITE)
    ran = rlbench("check", tmp_path / "s.yaml", "-o", folder)
    assert ran.returncode == 0 and "1 run, 0 to do" in ran.stdout and "finished: kept" in ran.stdout, ran
