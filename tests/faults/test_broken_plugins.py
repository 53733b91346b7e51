"""Thirteen kinds of broken plugin in one suite: each has a status and a message of its own, and spoils nothing else."""

import json
import os
from pathlib import Path

import psutil
import pytest
from support.cli import rlbench as command
from support.installation import install

import rlbench
from rlbench.executors import local

BROKEN = Path(__file__).parent / "broken"
KINDS = sorted(path.stem for path in BROKEN.glob("*.py"))
SUITE = """
name: broken
algorithms: [{names}]
environments: [{{id: CartPole-v1, steps: 200}}]
seeds: 2
evaluation: {{episodes: 2, final_episodes: 3}}
stall_timeout: 3
jobs: 2
"""
# What becomes of the runs of each, and what is said of it.
SAID = {
    "aborts": ("failed", "worker crashed with SIGABRT"),
    "exits": ("failed", "worker exited with code 0 during training"),
    "forks": ("done", "left processes behind, which were killed: "),
    "hangs": ("stalled", "took no environment step for 3 s"),
    "illegals": ("failed", "worker crashed with SIGILL"),
    "misshapes": ("failed", "shape"),
    "nans": ("diverged", "diverged at step 50"),
    "oversteps": ("failed", "`train` does not return although no step is left: 100 more were requested; 200 of 200"),
    "prints": ("done", ""),
    "raises": ("failed", "ValueError: the learning rate has gone (raises.py:"),
    "segfaults": ("failed", "worker crashed with SIGSEGV"),
    "twin": (None, "'twin' is offered by first-twin and second-twin; write first-twin:twin"),
    "unimportable": (None, "plugin 'unimportable' of a-unimportable 1.0 cannot be loaded: ModuleNotFoundError"),
}


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """The suite with all of them and two sound algorithms, run; its folder, and what it said."""
    folder = tmp_path_factory.mktemp("broken")
    site = folder / "site"
    for kind in KINDS:
        if kind != "twin":
            install(site, f"a-{kind}", kind, (BROKEN / f"{kind}.py").read_text(), kind)
    for dist in ("first-twin", "second-twin"):
        install(site, dist, "twin", (BROKEN / "twin.py").read_text())
    (folder / "s.yaml").write_text(SUITE.format(names=", ".join(["random", *KINDS, "first-twin:twin"])))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(local, "GRACE_SECONDS", 0.5)
        patch.syspath_prepend(str(site))
        patch.setenv("PYTHONPATH", str(site))
        patch.setenv("RLBENCH_CACHE", str(folder / "cache"))
        yield folder / "out", command("run", folder / "s.yaml", "-o", folder / "out")


@pytest.fixture(scope="module")
def rows(ran):
    return rlbench.load(ran[0]).runs()


def test_every_kind_is_there():
    assert list(SAID) == KINDS and len(KINDS) == 13


@pytest.mark.faults
@pytest.mark.parametrize("kind", KINDS)
def test_each_has_its_own_status_and_message(ran, rows, kind):
    folder, said = ran
    status, message = SAID[kind]
    own = rows[rows["algorithm"] == kind]
    if status is None:
        assert own.empty and f"failed: {kind} on CartPole-v1: {message}" in said.stdout
        (pair,) = [s for s in json.loads((folder / "suite.json").read_text())["skipped"] if s["algorithm"] == kind]
        assert pair["status"] == "failed" and message in pair["reason"]
        return
    assert set(own["status"]) == {status} and len(own) == 2
    if status != "done":
        assert own["message"].str.contains(message, regex=False).all(), list(own["message"])
    assert f"{kind} on CartPole-v1" in said.stderr and message in said.stderr


@pytest.mark.faults
def test_every_other_run_is_finished_and_intact(ran, rows):
    sound = rows[rows["algorithm"].isin(["random", "first-twin:twin"])]
    assert len(sound) == 4 and set(sound["status"]) == {"done"} and sound["score"].notna().all()
    assert ran[1].returncode == 1
    alone = ran[0].parent / "alone"
    (ran[0].parent / "alone.yaml").write_text(SUITE.format(names="random"))
    assert command("run", ran[0].parent / "alone.yaml", "-o", alone).returncode == 0
    beside = rlbench.load(ran[0]).evaluations().query("algorithm == 'random'").drop(columns="wall_seconds")
    by_itself = rlbench.load(alone).evaluations().drop(columns="wall_seconds")
    assert beside.reset_index(drop=True).equals(by_itself.reset_index(drop=True))
    assert command("report", ran[0], "-o", ran[0] / "again.html").returncode == 0


@pytest.mark.faults
@pytest.mark.parametrize(
    ("kind", "kept"),
    [
        ("raises", "Traceback (most recent call last)"),
        ("segfaults", "Fatal Python error: Segmentation fault"),
        ("illegals", "Fatal Python error: Illegal instruction"),
        ("aborts", "Fatal Python error: Aborted"),
    ],
)
def test_where_it_ended_is_kept_in_its_log_whose_path_is_told(ran, kind, kept):
    (log,) = ran[0].glob(f"attempts/{kind}-*/stderr.log")
    assert kept in log.read_text() and f'{kind}.py", line' in log.read_text()
    assert f"log: {log}" in ran[1].stderr


@pytest.mark.faults
def test_a_flood_of_print_leaves_its_beginning_and_its_end(ran):
    (log,) = (path for path in ran[0].glob("attempts/prints-*/stdout.log"))
    text = log.read_text()
    assert len(text) < 5_000_000
    assert text.startswith("the first line\n") and text.rstrip().endswith("the last line")
    assert "bytes omitted" in text


@pytest.mark.faults
def test_no_process_is_left(ran):
    left = []
    for process in psutil.process_iter():
        try:
            left += [process.pid] if process.environ().get("RLBENCH_ATTEMPT", "").startswith(str(ran[0])) else []
        except (psutil.Error, OSError):
            continue
    assert not left and os.getpid() not in left
