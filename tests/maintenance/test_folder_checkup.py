"""A result folder is examined, and mended without deleting anything: every file that was there is somewhere afterwards."""

import errno
import hashlib
import json
import os
import shutil
import socket
import time

import pytest
from support.result_folders import folder
from support.tampered_runs import edit_result, rewrite_table, run_of

from rlbench.analysis.suite_results import Results
from rlbench.api import RunGroup, StoreError
from rlbench.maintenance import quarantine
from rlbench.maintenance.attempt_checkup import attempted_runs
from rlbench.maintenance.folder_checkup import FolderCheckup, mend, refuse_other_folders
from rlbench.maintenance.leftovers import ABANDONED_SECONDS
from rlbench.maintenance.quarantine import move_aside
from rlbench.results import Store, results_index
from rlbench.results.checksums import with_checksum
from rlbench.results.file_io import file_hash
from rlbench.runtime import checkpoint

SCORES = {"a": {"CartPole-v1": [400.0, 401.0]}, "random": {"CartPole-v1": [20.0, 21.0]}}
DEAD = 1 << 22  # above the highest process number of Linux


@pytest.fixture
def store(tmp_path):
    made = folder(tmp_path / "made", SCORES)
    run = run_of(made.root, "dqn", 1)
    (run / "policy.safetensors").write_bytes(b"weights")
    entry = {"sha256": file_hash(run / "policy.safetensors"), "rows": 0}
    edit_result(run, lambda document: document["files"].update({"policy.safetensors": entry}))
    return made


def to_do(store):
    return [f for f in FolderCheckup(Store(store.root, caches=False)).findings if f.level == "to do"]


def contents(root):
    """Return what the regular files of a folder contain, as hashes. The lock's text changes with its holder."""
    files = [path for path in root.rglob("*") if path.is_file() and not path.is_symlink() and path.name != "LOCK"]
    return {hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def mended(store):
    """Mend the folder, check that nothing of it is gone, and return what was done."""
    before = contents(store.root)
    store.lock()
    try:
        done = list(mend(store))
    finally:
        store.unlock()
    assert contents(store.root) >= before
    return done


def damaged(store):
    return run_of(store.root, "dqn", 1)


def attempt_of(store, run):
    return store.root / "attempts" / json.loads((run / "result.json").read_text())["attempt"]


def table_flipped(store):
    path = damaged(store) / "evaluations.parquet"
    path.write_bytes(path.read_bytes()[::-1])


def table_gone(store):
    (damaged(store) / "evaluations.parquet").unlink()


def table_and_lines_changed(store):
    table_flipped(store)
    lines = attempt_of(store, damaged(store)) / "evaluations.jsonl"
    lines.write_text(lines.read_text().replace("401.0", "402.0"))


def policy_changed(store):
    (damaged(store) / "policy.safetensors").write_bytes(b"others")


def policy_and_table_changed(store):
    policy_changed(store)
    table_flipped(store)


def result_cut_short(store):
    path = damaged(store) / "result.json"
    path.write_bytes(path.read_bytes()[:100])


def result_a_pipe(store):
    (damaged(store) / "result.json").unlink()
    os.mkfifo(damaged(store) / "result.json")


def recorded_twice(store):
    rewrite_table(damaged(store), "evaluations", lambda rows: rows.append(rows[-1]))
    edit_result(damaged(store), lambda document: document["files"]["evaluations.parquet"].update(rows=2))


def beyond_any_return(store):
    rewrite_table(damaged(store), "evaluations", lambda rows: rows[0].update(return_mean=1e200))


def spec_cut_short(store):
    (damaged(store) / "spec.json").write_text("{")


def spec_a_pipe(store):
    (damaged(store) / "spec.json").unlink()
    os.mkfifo(damaged(store) / "spec.json")


def spec_of_another(store):
    shutil.copy(run_of(store.root, "random", 0) / "spec.json", damaged(store))


def unknown_run_without_spec(store):
    (store.root / "runs/stray").mkdir()
    (store.root / "runs/stray/notes.txt").write_text("mine")


def attempt_without_description(store):
    (store.root / "attempts/half").mkdir()
    (store.root / "attempts/half/stderr.log").write_text("log")


def checkpoint_cut_short(store):
    path = checkpoint.save(attempt_of(store, damaged(store)) / "checkpoints", [checkpoint.SeedState(1, 5, {}, {})])
    (path / "seed-1.json").write_text("{")


def draft_of_a_killed_process(store):
    (damaged(store) / f".result.json.{socket.gethostname()}.{DEAD}.0123abcd.tmp").write_text("half")


def draft_of_another_host(store):
    path = store.root / ".suite.json.elsewhere.1.0123abcd.tmp"
    path.write_text("half")
    long_ago = time.time() - 2 * ABANDONED_SECONDS
    os.utime(path, (long_ago, long_ago))


def pipe_somewhere(store):
    os.mkfifo(store.root / "crossplay")


def run_behind_a_link(store):
    run = damaged(store)
    os.rename(run, store.root.parent / run.name)
    run.symlink_to(store.root.parent / run.name)


def index_with_another_hash(store):
    (store.root / "index.parquet").write_text("x")
    (store.root / "index.sha256").write_text("y")


RESTORED, MOVED, TRAINED = "restored", "moved to superseded/", "trained again"
HARMS = {
    table_flipped: ("evaluations.parquet was changed after it was published", RESTORED),
    table_gone: ("evaluations.parquet is missing", RESTORED),
    table_and_lines_changed: ("evaluations.parquet was changed", TRAINED),
    policy_changed: ("policy.safetensors was changed", TRAINED),
    policy_and_table_changed: ("evaluations.parquet was changed after it was published and policy", TRAINED),
    result_cut_short: ("result.json is not a result of this run (it is not valid JSON)", TRAINED),
    result_a_pipe: ("result.json is not a result of this run (Not a regular file)", TRAINED),
    recorded_twice: ("there are 2 final evaluations", TRAINED),
    beyond_any_return: ("evaluations.parquet has a return_mean that is not from", TRAINED),
    spec_cut_short: ("spec.json cannot be read: it is not valid JSON", RESTORED),
    spec_a_pipe: ("spec.json cannot be read: Not a regular file", RESTORED),
    spec_of_another: ("spec.json belongs to another run", RESTORED),
    unknown_run_without_spec: ("spec.json is missing", MOVED),
    attempt_without_description: ("group.json cannot be read (No such file or directory)", MOVED),
    checkpoint_cut_short: ("was not written to its end, or was changed later", MOVED),
    draft_of_a_killed_process: ("a killed process left this draft", MOVED),
    draft_of_another_host: ("a killed process left this draft", MOVED),
    pipe_somewhere: ("is a pipe, not a file", MOVED),
    run_behind_a_link: ("is a link that leads out of the folder", TRAINED),
    index_with_another_hash: ("its hash is not the one in index.sha256", MOVED),
}


@pytest.mark.parametrize("harm", HARMS, ids=lambda harm: harm.__name__)
def test_damage_is_found_and_mended_and_nothing_is_left_to_do_but_training(store, harm):
    assert to_do(store) == []
    what, outcome = HARMS[harm]
    harm(store)
    (found,) = [finding for finding in to_do(store) if what in finding.what]
    assert found.mend is not None and "--fix" in found.advice
    done = mended(store)
    assert done and {str(finding.level) for finding in done} == {"ok"}
    assert any(("written again" if "spec" in what and outcome == RESTORED else outcome) in f.what for f in done) or (
        outcome == TRAINED and any(MOVED in finding.what for finding in done)
    )
    left = to_do(store)
    assert {finding.kind for finding in left} == ({"unfinished runs"} if outcome == TRAINED else set())
    if outcome == TRAINED:
        assert "keeps 3 runs as finished, trains 1 run from step 0" in left[-1].what
        assert len(left) == 1 or harm is run_behind_a_link  # others have a folder again, and count as unfinished only
    else:
        assert all(state.result for state in store.states(store.runs()).values())
    assert mended(store) == []


def test_what_is_restored_has_the_bytes_that_were_published(store):
    path = damaged(store) / "evaluations.parquet"
    published, spec = path.read_bytes(), (damaged(store) / "spec.json").read_bytes()
    table_flipped(store)
    spec_cut_short(store)
    mended(store)
    mended(store)  # the table was not known to be damaged as long as the run could not be read
    assert path.read_bytes() == published and (damaged(store) / "spec.json").read_bytes() == spec


def test_runs_that_the_suite_does_not_request_any_more_are_examined_too(store):
    document = json.loads((store.root / "suite.json").read_text())
    document["runs"] = [entry for entry in document["runs"] if entry["folder"] != damaged(store).name]
    (store.root / "suite.json").write_text(json.dumps(with_checksum(document)))
    assert to_do(store) == []
    policy_changed(store)
    (found,) = to_do(store)
    assert found.where == f"runs/{damaged(store).name}" and "trains" not in found.advice
    mended(store)
    assert to_do(store) == [] and not any((store.root / "runs").glob("dqn*s01*"))


def test_runs_of_a_folder_without_a_usable_suite_file_are_examined_too(store):
    (store.root / "suite.json").write_text("{")
    policy_changed(store)
    suite, run = to_do(store)
    assert suite.where == "suite.json" and "writes it again and keeps every run" in suite.advice
    assert run.where == f"runs/{damaged(store).name}"
    (store.root / "suite.json").unlink()
    assert to_do(store)[0].what == "is missing"
    shutil.rmtree(store.root / "runs")
    shutil.rmtree(store.root / "attempts")
    with pytest.raises(StoreError, match="no results here"):
        refuse_other_folders(store.root)


def test_a_folder_of_a_newer_version_is_not_examined(store):
    (store.root / "suite.json").write_text('{"schema_version": 9}')
    with pytest.raises(StoreError, match="newer rlbench"):
        FolderCheckup(store)


def test_what_a_running_process_writes_is_no_leftover(store):
    for name in (f".a.{socket.gethostname()}.{os.getpid()}.0123abcd.tmp", ".a.elsewhere.1.0123abcd.tmp"):
        (store.root / name).write_text("half")
    assert to_do(store) == []


def test_a_folder_that_is_in_use_is_not_examined_for_what_may_be_in_the_making(store):
    attempt_without_description(store)
    draft_of_a_killed_process(store)
    other = Store(store.root)
    other.lock()
    try:
        findings = FolderCheckup(Store(store.root)).findings
    finally:
        other.unlock()
    assert findings[0].where == "LOCK" and not [f for f in findings if f.level == "to do"]
    assert len(to_do(store)) == 2


def test_an_index_with_numbers_that_are_not_those_of_the_runs_is_dropped(store, monkeypatch):
    monkeypatch.setattr(results_index, "_WORTH_KEEPING", 1)
    assert Results(store).facts
    assert (store.root / "index.parquet").exists() and to_do(store) == []
    (store.root / "index.parquet").unlink()
    read_all = results_index.read_run_facts

    def higher(folder, run, state):
        facts = read_all(folder, run, state)
        return facts._replace(score=facts.score + (run == store.runs()[0]))

    monkeypatch.setattr(results_index, "read_run_facts", higher)
    assert Results(store).facts
    monkeypatch.setattr(results_index, "read_run_facts", read_all)
    (found,) = to_do(store)
    assert found.where == "index.parquet" and "differs from the files of the run" in found.what
    result = store.folder(store.runs()[0]) / "result.json"
    os.utime(result)  # whoever reads the index sees that this entry is older than the run
    assert to_do(store) == []
    (store.root / "index.sha256").write_text("0")
    mended(store)
    assert not (store.root / "index.parquet").exists() and not (store.root / "index.sha256").exists()
    assert to_do(store) == []


def test_what_rlbench_does_not_know_is_noted_and_left_alone(store):
    for name in ("mine.txt", "runs/mine.txt", "attempts/mine.txt"):
        (store.root / name).write_text("mine")
    (store.root / "mine").mkdir()
    (store.root / "mine/inner.txt").write_text("mine")
    for name in ("export", "videos", "tensorboard", "wandb"):
        (store.root / name).mkdir()
        (store.root / name / "anything").write_text("theirs")
    notes = [finding for finding in FolderCheckup(store).findings if finding.level == "note"]
    assert [finding.where for finding in notes] == ["attempts/mine.txt", "mine", "mine.txt", "runs/mine.txt"]
    assert mended(store) == [] and (store.root / "mine/inner.txt").exists()


def test_files_of_a_real_attempt_are_known(store):
    attempt = attempt_of(store, damaged(store))
    names = ("made-by.json", "heartbeat", "exit.json", "stdout.log", "stderr.log")
    for name in names:
        (attempt / name).write_text("{}")
    checkpoint.save(attempt / "checkpoints", [checkpoint.SeedState(1, 5, {}, {})])
    for name in ("report.html", "decisions.json", "imports.jsonl"):
        (store.root / name).write_text("")
    (store.root / "decisions.json").unlink()
    assert [f for f in FolderCheckup(store).findings if f.level != "ok"] == []


def test_damaged_decisions_are_to_do_for_the_user(store):
    (store.root / "decisions.json").write_text("{")
    (found,) = to_do(store)
    assert found.where == "decisions.json" and found.mend is None and found.advice


def test_links_pipes_and_second_names_at_the_top_are_to_do_for_the_user(store, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (store.root / "attempts").rename(tmp_path / "attempts")
    (store.root / "attempts").symlink_to(tmp_path / "attempts")
    (store.root / "imports.jsonl").write_text("")
    (tmp_path / "second").hardlink_to(store.root / "imports.jsonl")
    assert {finding.where: finding.mend for finding in to_do(store)} == {"attempts": None, "imports.jsonl": None}


def test_links_inside_are_fine_and_those_in_exports_are_noted(store, tmp_path):
    run = damaged(store)
    os.rename(run, store.root / run.name)
    run.symlink_to(store.root / run.name)
    (store.root / "wandb").mkdir()
    (store.root / "wandb/latest").symlink_to(tmp_path)
    (store.root / "circle").symlink_to("circle")
    findings = [f for f in FolderCheckup(store).findings if f.level != "ok"]
    assert [(str(f.level), f.where) for f in findings] == [
        ("note", "circle"),
        ("note", run.name),
        ("note", "wandb/latest"),
    ]


def test_a_file_that_its_owner_may_not_read_is_made_readable(store, monkeypatch):
    path = damaged(store) / "policy.safetensors"
    path.chmod(0o200)
    monkeypatch.setattr(
        os, "access", lambda name, mode: os.fspath(name) != os.fspath(path) or os.stat(path).st_mode & 0o400
    )
    (found,) = to_do(store)
    assert found.what == "cannot be read: Permission denied" and "chmod u+r" in found.advice
    mended(store)
    assert os.stat(path).st_mode & 0o777 == 0o600 and to_do(store) == []
    path.chmod(0o200)
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    (found,) = to_do(store)
    assert found.mend is None and "its owner" in found.advice


def test_two_things_moved_in_one_moment_both_stay(store, monkeypatch):
    monkeypatch.setattr(quarantine.time, "time_ns", lambda: 7)
    places = []
    for text in ("one", "two"):
        (store.root / "same").write_text(text)
        places.append(move_aside(store.root, store.root / "same", "why"))
    assert [place.read_text() for place in places] == ["one", "two"]
    long = store.root / ("ä" * 127)
    long.write_text("long")
    assert move_aside(store.root, long, "why").read_text() == "long"


def test_what_cannot_be_moved_is_said_and_the_rest_is_mended(store, monkeypatch):
    attempt_without_description(store)
    draft_of_a_killed_process(store)
    rename = os.rename

    def refuse_attempts(old, new):
        if "attempts" in str(old):
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        rename(old, new)

    monkeypatch.setattr(os, "rename", refuse_attempts)
    failed, moved = mended(store)
    assert failed.level == "to do" and failed.what == "could not be mended: Invalid cross-device link"
    assert moved.level == "ok" and [finding.where for finding in to_do(store)] == ["attempts/half"]


def test_nothing_is_moved_through_a_link_that_leads_out(store, tmp_path):
    (tmp_path / "out").mkdir()
    shutil.rmtree(store.root / "superseded", ignore_errors=True)
    (store.root / "superseded").symlink_to(tmp_path / "out")
    (store.root / "same").write_text("x")
    with pytest.raises(StoreError, match="leads out of"):
        move_aside(store.root, store.root / "same", "why")
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize(
    "group", [{}, {"task": []}, {"seeds": "abc"}, {"task": {"evaluation": 3}}, {"seeds": [-1, {}]}]
)
def test_an_attempt_of_another_shape_gives_no_runs(store, group):
    _, description = store.attempts()[0]
    attempt = store.root / "attempts/strange"
    attempt.mkdir()
    document = {**description, "group": {**description["group"], **group} if group else {}}
    (attempt / "group.json").write_text(json.dumps(document))
    assert set(attempted_runs(store)) == {run.name for run in store.runs()}


def test_the_next_run_is_described_by_what_each_run_lacks(store):
    first, _, third, _ = store.runs()
    (store.folder(first) / "result.json").unlink()
    group = RunGroup(first.algorithm, first.config, first.task, (first.seed,), first.label)
    later = store.new_attempt(group, {}, "rlbench")
    checkpoint.save(later / "checkpoints", [checkpoint.SeedState(0, 5, {}, {})])
    policy_changed(store)
    (store.folder(third) / "result.json").unlink()
    failing = RunGroup(third.algorithm, third.config, third.task, (third.seed,), third.label)
    (store.new_attempt(failing, {}, "rlbench") / "exit.json").write_text('{"status": "failed"}')
    *_, found = to_do(store)
    assert found.what == (
        "the next `rlbench run` keeps 1 run as finished, resumes 1 run from the last checkpoint, if the code is still the "
        "same, keeps 1 run as failed unless --rerun failed is given, keeps 1 run as damaged unless --rerun corrupt is given"
    )


def test_disk_use_is_counted_by_kind(store):
    checkpoint.save(attempt_of(store, damaged(store)) / "checkpoints", [checkpoint.SeedState(1, 5, {}, {})])
    (store.root / "report.html").write_bytes(b"x" * 1000)
    usage = FolderCheckup(store).usage
    assert usage["caches and reports"].bytes == 1000 and usage["checkpoints"].files == 3
    run_files = [path for path in (store.root / "runs").rglob("*") if path.is_file()]
    assert usage["runs"].files == len(run_files)
    assert usage["runs"].bytes == sum(path.stat().st_size for path in run_files)
    total = sum(path.stat().st_size for path in store.root.rglob("*") if path.is_file())
    assert sum(use.bytes for use in usage.values()) == total
