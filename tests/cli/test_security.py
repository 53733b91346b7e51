"""A result folder is data: whoever stands in one, or reads one, runs and opens nothing that lies there."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.cli import rlbench
from support.result_folders import folder

from rlbench.api import StoreError
from rlbench.results.file_io import append_line, parse_json

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


@pytest.mark.parametrize("how", ["link", "hard link", "pipe"])
def test_no_line_is_added_to_another_file(tmp_path, how):
    victim, path = tmp_path / "victim", tmp_path / "imports.jsonl"
    victim.write_text("theirs")
    {"link": path.symlink_to, "hard link": path.hardlink_to, "pipe": lambda _: os.mkfifo(path)}[how](victim)
    with pytest.raises(StoreError, match="not a regular file"):
        append_line(path, "{}")
    assert victim.read_text() == "theirs"
    path.unlink()
    append_line(path, "{}")
    append_line(path, "[]")
    assert path.read_text() == "{}\n[]\n"


def test_a_lock_that_is_another_file_too_is_not_written(store, tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("theirs")
    (store.root / "LOCK").unlink(missing_ok=True)
    (store.root / "LOCK").hardlink_to(victim)
    with pytest.raises(StoreError, match="LOCK is not a regular file"):
        store.lock()
    assert victim.read_text() == "theirs"


@pytest.mark.parametrize("how", ["file", "hard link", "folder", "pipe"])
def test_logs_are_those_of_the_folder(store, tmp_path, how):
    run = store.runs()[0]
    attempt = store.root / "attempts" / store.states([run])[run.key].attempt
    log = attempt / "stderr.log"
    attempt.mkdir(exist_ok=True)
    log.write_text("a" * 70_000 + "\x1b\nlast")
    told = rlbench("logs", store.folder(run))
    assert told.returncode == 0 and told.stdout == "a" * 70_000 + "?\nlast\n"
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/stderr.log").write_text("secret")
    log.unlink()
    if how == "file":
        log.symlink_to(tmp_path / "elsewhere/stderr.log")
    elif how == "hard link":
        log.hardlink_to(tmp_path / "elsewhere/stderr.log")
    elif how == "pipe":
        os.mkfifo(log)
    else:
        attempt.rename(tmp_path / "aside")
        attempt.symlink_to(tmp_path / "elsewhere")
    told = rlbench("logs", store.folder(run))
    assert told.returncode == 73 and "secret" not in told.stdout and "is not read" in told.stderr


def test_of_a_log_that_is_larger_than_any_of_ours_the_beginning_and_the_end_are_printed(store):
    run = store.runs()[0]
    log = store.root / "attempts" / store.states([run])[run.key].attempt / "stderr.log"
    with open(log, "wb") as file:
        file.write("é".encode() * (5 << 20))  # of two bytes each
        file.truncate(5 << 30)
        file.seek(5 << 30)
        file.write(b"last\n")
    told = rlbench("logs", store.folder(run)).stdout
    assert told.startswith("é" * 1_000) and told.endswith("?last\n") and len(told) < 9 << 20
    assert told.count("bytes omitted") == 1 and "\ufffd" not in told


@pytest.mark.parametrize("text", ["[" * 60 + "]" * 60, f"[{'9' * 400}]"])
def test_json_that_nobody_writes_is_not_read(tmp_path, text):
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(ValueError, match="too"):
        parse_json(tmp_path / "x.json")
    with pytest.raises(OSError, match="Larger than 10 bytes"):
        parse_json(tmp_path / "x.json", 10)


def test_a_matplotlibrc_in_the_current_folder_is_not_obeyed(store):
    os.mkfifo(store.root / "matplotlibrc")  # whoever opens it waits
    told = standing_in(store.root, "report", ".")
    assert told.returncode == 0, told.stderr


def test_a_run_behind_a_link_that_leads_out_is_not_read_and_one_that_stays_inside_is(store):
    first, second, *_ = sorted((store.root / "runs").iterdir())
    for run, place in ((first, store.root.parent), (second, store.root)):
        run.rename(place / run.name)
        run.symlink_to(place / run.name)
    ran = rlbench("table", store.root)
    assert ran.returncode == 1 and f"{first.name} is a link that leads out" in ran.stderr
    assert second.name not in ran.stderr
