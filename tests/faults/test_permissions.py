"""Folders that may not be written, read, or that belong to somebody else: told before training, and readable ones read."""

import getpass
import os
import shutil
import stat
from pathlib import Path

import pytest
from support import permissions
from support.cli import rlbench as in_this_process

pytestmark = pytest.mark.faults

SUITE = "{name: s, algorithms: [random], environments: [{id: CartPole-v1, steps: 40}], seeds: 1, evaluation: {episodes: 2, final_episodes: 3}}"


@pytest.fixture(scope="module", autouse=True)
def enforced(tmp_path_factory):
    if not permissions.are_enforced(tmp_path_factory.mktemp("tried")):
        pytest.skip("nothing is denied to this user")


@pytest.fixture
def rlbench(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("s.yaml").write_text(SUITE)
    yield permissions.rlbench
    for path in [tmp_path, *tmp_path.rglob("*")]:
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o755)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    (folder / "s.yaml").write_text(SUITE)
    assert in_this_process("run", folder / "s.yaml", "-o", folder / "out").returncode == 0
    return folder / "out"


def protect(folder, mode):
    """Take permissions from a folder and all in it."""
    for path in sorted([folder, *folder.rglob("*")], reverse=True):
        path.chmod(mode if path.is_dir() else mode & 0o666)


def test_a_place_that_may_not_be_written_is_told_with_the_user_before_training(rlbench):
    Path("closed").mkdir(0o555)
    ran = rlbench("run", "s.yaml", "-o", "closed/a/out")
    assert ran.returncode == 73 and not ran.stdout
    said = f"cannot be written by {getpass.getuser()}: Permission denied; choose another folder with -o"
    assert f"closed/a/out: {said}" in ran.stderr and "started" not in ran.stderr


def test_a_folder_that_may_only_be_read_is_read_by_every_command_and_written_by_none(rlbench, made):
    shutil.copytree(made, "out")
    protect(Path("out"), 0o555)
    before = {path: path.stat().st_mtime_ns for path in Path("out").rglob("*")}
    run = next(Path("out/runs").iterdir())
    for arguments in (
        ["table", "out"],
        ["status", "out"],
        ["show", run],
        ["report", "out", "-o", "r.html"],
        ["export", "out", "-o", "e"],
    ):
        ran = rlbench(*arguments)
        assert ran.returncode == 0, (arguments, ran.stderr)
    assert Path("r.html").stat().st_size > 10_000 and any(Path("e").iterdir())
    for arguments, said in (
        (["report", "out"], "choose another place with -o FILE"),
        (["run", "s.yaml", "-o", "out"], "choose another folder with -o"),
    ):
        ran = rlbench(*arguments)
        assert ran.returncode == 73 and "out" in ran.stderr and said in ran.stderr, (arguments, ran)
    assert {path: path.stat().st_mtime_ns for path in Path("out").rglob("*")} == before


def test_a_folder_that_may_not_be_read_is_told_and_not_taken_for_an_empty_one(rlbench, made):
    shutil.copytree(made, "out")
    Path("out/suite.json").chmod(0)
    for arguments in (["table", "out"], ["run", "s.yaml", "-o", "out"]):
        ran = rlbench(*arguments)
        assert ran.returncode == 73 and f"out/suite.json: cannot be read by {getpass.getuser()}" in ran.stderr
    assert not Path("out/superseded").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_folder_of_somebody_else_is_read_and_not_written(rlbench, made):
    shutil.copytree(made, "out")
    for path in [Path("out"), *Path("out").rglob("*")]:
        os.chown(path, 12345, 12345)
    assert rlbench("table", "out").returncode == 0
    ran = rlbench("run", "s.yaml", "-o", "out", "--rerun", "all")
    assert ran.returncode == 73 and "out: cannot be written by" in ran.stderr


def test_a_strict_umask_keeps_results_to_oneself_and_readable(rlbench):
    ran = rlbench("run", "s.yaml", "-o", "made/of/several/out", umask=0o077)
    assert ran.returncode == 0, ran.stderr
    modes = {stat.S_IMODE(path.stat().st_mode) for path in Path("made").rglob("*") if path.is_file()}
    assert modes == {0o600} and rlbench("table", "made/of/several/out").returncode == 0
