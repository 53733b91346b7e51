"""Attempts become archives and folders again; nothing is lost, whenever a process is killed and whatever an archive has."""

import errno
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from support.result_folders import folder
from support.tampered_runs import edit_result, run_of

from rlbench.api import StoreError, group_from_dict
from rlbench.maintenance import compaction
from rlbench.maintenance.compaction import archive_problem, compact, unpack
from rlbench.maintenance.folder_checkup import FolderCheckup, mend
from rlbench.results import Store
from rlbench.results.attempt_files import SUFFIX, archive_of, read_attempt_file
from rlbench.results.checksums import with_checksum
from rlbench.results.table_repair import restore_tables
from rlbench.runtime import checkpoint
from rlbench.verification.retraining import stack_of

ROOT = Path(__file__).parents[2]
KILLED = -9


@pytest.fixture
def store(tmp_path):
    made = folder(tmp_path / "made", {"a": {"CartPole-v1": [400.0, 401.0]}, "random": {"CartPole-v1": ["pending"]}})
    attempt = attempt_of(made)
    (attempt / "stderr.log").write_text("what was said\n" * 100)
    (attempt / "profile").mkdir()
    (attempt / "profile/7.json").write_text("{}")
    return made


def attempt_of(store):
    name = json.loads((run_of(store.root, "dqn", 0) / "result.json").read_text())["attempt"]
    return store.root / "attempts" / name


def files(path):
    """Return what is below a folder: the content of each file by its path."""
    return {str(each.relative_to(path)): each.read_bytes() for each in path.rglob("*") if each.is_file()}


def to_do(store):
    return [f for f in FolderCheckup(Store(store.root)).findings if f.level == "to do" and f.where != "runs"]


def test_attempts_of_published_runs_become_one_file_each_and_folders_again(store):
    attempt, before = attempt_of(store), files(store.root)
    (outcome,) = compact(store)
    size = archive_of(attempt).stat().st_size
    assert outcome.name == attempt.name and outcome.problem == ""
    assert outcome[2:] == (6, sum(len(content) for content in before_of(before, attempt).values()), 1, size)
    names = {path.name for path in (store.root / "attempts").iterdir()}
    assert len(names) == 2 and archive_of(attempt).name in names and attempt.name not in names
    assert list(compact(store)) == [] and {
        str(f.level) for f in FolderCheckup(store).findings if f.where != "runs"
    } == {"ok"}
    with zipfile.ZipFile(archive_of(attempt)) as archive:  # any program that reads zip files can read it
        assert archive.read("profile/7.json") == b"{}"
    (outcome,) = unpack(store)
    assert outcome.files_after == 6 and files(store.root) == before and list(unpack(store)) == []


def before_of(before, attempt):
    return {name: content for name, content in before.items() if name.startswith(f"attempts/{attempt.name}/")}


def test_everything_that_reads_attempts_reads_archives(store):
    run = store.runs()[0]
    published, spec = (files(store.folder(run))[name] for name in ("evaluations.parquet", "spec.json"))
    list(compact(store))
    (store.folder(run) / "evaluations.parquet").write_bytes(b"x")
    assert restore_tables(store, run, store.states([run])[run.key]) == ["evaluations.parquet"]
    (store.folder(run) / "evaluations.parquet").write_bytes(b"x")
    (found,) = to_do(store)
    assert "--fix restores evaluations.parquet from its attempt" in found.advice
    list(mend(store))
    (store.folder(run) / "spec.json").write_text("{")
    list(mend(store))
    assert to_do(store) == []
    assert [files(store.folder(run))[name] for name in ("evaluations.parquet", "spec.json")] == [published, spec]
    edit_result(store.folder(run), lambda document: document.update(stack_size=2))
    document = json.loads((store.root / "suite.json").read_text())
    document["runs"] = [entry for entry in document["runs"] if entry["folder"] != store.runs()[1].name]
    (store.root / "suite.json").write_text(json.dumps(with_checksum(document)))  # only group.json still knows the stack
    assert stack_of(store, run, store.states([run])[run.key]) == (0, 1)


def test_the_next_attempt_of_a_group_is_numbered_after_its_archives(store):
    group = next(entry["group"] for path, entry in store.attempts() if path == attempt_of(store))
    list(compact(store))
    assert "-0002-" in store.new_attempt(group_from_dict(group), {}, "rlbench").name


def with_checkpoints(attempt):
    checkpoint.save(attempt / "checkpoints", [checkpoint.SeedState(0, 5, {}, {})])


def with_a_link(attempt):
    (attempt / "link").symlink_to("stderr.log")


def with_a_pipe(attempt):
    os.mkfifo(attempt / "pipe")


def with_an_empty_folder(attempt):
    (attempt / "profile/empty").mkdir()


def with_a_name_that_is_no_text(attempt):
    open(os.fsencode(attempt) + b"/\xff", "w").close()


def with_a_backslash(attempt):
    (attempt / "a\\b").write_text("")


def with_another_archive(attempt):
    with zipfile.ZipFile(archive_of(attempt), "w") as archive:
        archive.writestr("group.json", "{}")


UNSUITABLE = {
    with_checkpoints: "it has checkpoints; `rlbench gc` deletes",
    with_a_link: "link is a link, a pipe, a device",
    with_a_pipe: "pipe is a link, a pipe, a device",
    with_an_empty_folder: "profile/empty is an empty folder",
    with_a_name_that_is_no_text: "cannot be packed into an archive",
    with_a_backslash: "would lead out of the folder, or is not a file name",
    with_another_archive: "has other contents than the folder",
}


@pytest.mark.parametrize("harm", UNSUITABLE, ids=lambda harm: harm.__name__)
def test_an_attempt_that_an_archive_would_not_hold_stays_as_it_is(store, harm):
    harm(attempt_of(store))
    before = files(store.root)
    (outcome,) = compact(store)
    assert UNSUITABLE[harm] in outcome.problem and files(store.root) == before


@pytest.mark.faults
@pytest.mark.parametrize(
    "point", ["compact-written", "compact-archived", "deleting", "unpack-written", "unpack-renamed"]
)
def test_a_kill_at_any_moment_loses_nothing_and_the_next_call_ends_what_was_begun(store, point):
    attempt, before = attempt_of(store), files(attempt_of(store))
    function = "unpack" if point.startswith("unpack") else "compact"
    if function == "unpack":
        list(compact(store))
    code = f"import sys; from pathlib import Path; from rlbench.maintenance.compaction import {function}; "
    code += f"from rlbench.results import Store; list({function}(Store(Path(sys.argv[1]))))"
    environment = {**os.environ, "RLBENCH_FAIL_AT": point}
    assert subprocess.run([sys.executable, "-c", code, str(store.root)], env=environment, cwd=ROOT).returncode == KILLED
    assert {name: read_attempt_file(attempt, name) for name in before} == before
    list({"compact": compact, "unpack": unpack}[function](store))
    assert {name: read_attempt_file(attempt, name) for name in before} == before
    assert attempt.exists() == (function == "unpack") == (not archive_of(attempt).exists())
    left = [path for path in (store.root / "attempts").iterdir() if path.name.startswith(".")]
    assert all(f.kind == "leftovers of killed processes" for f in to_do(store)) and len(to_do(store)) == len(left)


def test_an_attempt_that_is_there_twice_is_found_and_mended(store):
    attempt, before = attempt_of(store), files(attempt_of(store))
    list(compact(store))
    with zipfile.ZipFile(archive_of(attempt)) as archive:
        archive.extractall(attempt)
    (found,) = to_do(store)
    assert found.kind == "attempts that are there twice" and "rlbench compact" in found.advice
    list(mend(store))
    assert to_do(store) == [] and files(attempt) == before


def add(archive, name, content=b"x", mode=0o100644):
    with zipfile.ZipFile(archive, "a") as file:
        info = zipfile.ZipInfo(name)
        info.external_attr = mode << 16
        file.writestr(info, content)


def truncated(archive):
    archive.write_bytes(archive.read_bytes()[:-30])


def without_description(archive):
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("stderr.log", "x")


LEADS_OUT = ("../out", "/out", "a/../../out", "a//b", "a\\..\\out", "folder/", "./x", "a" * 300, "/".join("a" * 30))
HOSTILE = {
    **{f"name {name[:12]}": (lambda archive, name=name: add(archive, name), "would lead out") for name in LEADS_OUT},
    "file twice": (lambda archive: add(archive, "stderr.log"), "two of its files have the same name"),
    "file and folder": (lambda archive: add(archive, "stderr.log/x"), "two of its files have the same name"),
    "truncated": (truncated, "cannot be read"),
    "without description": (without_description, "it has no group.json"),
}


@pytest.mark.parametrize("case", HOSTILE)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_an_archive_whose_files_would_lead_out_is_refused_and_put_aside(store, tmp_path, case):
    harm, said = HOSTILE[case]
    list(compact(store))
    archive = archive_of(attempt_of(store))
    harm(archive)
    before = set(tmp_path.rglob("*"))
    (outcome,) = unpack(store)
    assert said in outcome.problem and set(tmp_path.rglob("*")) == before
    (found,) = to_do(store)
    assert said in found.what and found.where == f"attempts/{archive.name}"
    content = archive.read_bytes()
    list(mend(store))
    (aside,) = store.root.glob("superseded/attempts--*")
    assert aside.read_bytes() == content and not archive.exists() and to_do(store) == []


def test_a_link_in_an_archive_becomes_a_file(store):
    list(compact(store))
    archive = archive_of(attempt_of(store))
    add(archive, "link", b"/etc/passwd", 0o120777)
    assert archive_problem(archive) == "" and [outcome.problem for outcome in unpack(store)] == [""]
    path = attempt_of(store) / "link"
    assert path.read_bytes() == b"/etc/passwd" and not path.is_symlink()


def test_an_archive_that_would_fill_the_disk_is_not_unpacked(store, monkeypatch):
    list(compact(store))
    monkeypatch.setattr(compaction, "_MOST_UNPACKED", 100)
    assert "more than 100 bytes" in archive_problem(archive_of(attempt_of(store)))
    monkeypatch.undo()
    usage = compaction.shutil.disk_usage
    monkeypatch.setattr(compaction.shutil, "disk_usage", lambda path: usage(path)._replace(free=100))
    with pytest.raises(StoreError, match="no room left"):
        list(unpack(store))
    assert [path.suffix for path in attempt_of(store).parent.glob("*a*0001*")].count(SUFFIX) == 1


def test_a_folder_that_cannot_be_written_leaves_the_archive_and_no_draft(store, monkeypatch):
    list(compact(store))
    before = files(store.root)

    def fail(archive, target):
        target.mkdir()
        (target / "group.json").write_text("half")
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(compaction, "_extract", fail)
    with pytest.raises(StoreError, match="Input/output error"):
        list(unpack(store))
    assert files(store.root) == before


def test_a_folder_with_other_contents_than_its_archive_stays_beside_it(store):
    attempt = attempt_of(store)
    list(compact(store))
    attempt.mkdir()
    (attempt / "mine").write_text("mine")
    (outcome,) = unpack(store)
    assert "other contents" in outcome.problem and (attempt / "mine").exists() and archive_of(attempt).exists()


def test_what_differs_from_the_folder_does_not_replace_it(store, monkeypatch):
    write = compaction._write

    def other(draft, folder, listing):
        write(draft, folder, dict(list(listing.items())[1:]))

    monkeypatch.setattr(compaction, "_write", other)
    before = files(store.root)
    (outcome,) = compact(store)
    assert outcome.problem and files(store.root) == before
