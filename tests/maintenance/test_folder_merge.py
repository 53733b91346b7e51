"""Runs of several folders become those of one: none twice, none in part, whatever the folders have and whenever it ends."""

import errno
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.broken_disk import refuse_to_sync
from support.cli import rlbench
from support.live_folders import LiveAttempt, being_run
from support.published_runs import published, results
from support.result_folders import folder
from support.tampered_runs import edit_result, rewrite_table

from rlbench.analysis.sequential_log import Decisions, InterimAnalysis, read_decisions, write_decisions
from rlbench.analysis.suite_results import Results
from rlbench.api import DiskFull, LockedError, StoreError, SuiteError, group_from_dict
from rlbench.maintenance import folder_merge
from rlbench.maintenance.compaction import compact, unpack
from rlbench.maintenance.folder_checkup import FolderCheckup, mend
from rlbench.results import Store
from rlbench.results.checksums import with_checksum
from rlbench.results.table_repair import restore_tables
from rlbench.runtime import checkpoint
from rlbench.stats.sequential_design import Design

ROOT = Path(__file__).parents[2]
KILLED = -9
POLE, CAR = "CartPole-v1", "MountainCar-v0"


@pytest.fixture
def one(tmp_path):
    """What a machine has: two finished runs of `a`, and one of `random` that was interrupted."""
    made = folder(tmp_path / "one", {"a": {POLE: [400.0, 401.0]}, "random": {POLE: ["pending"]}}, grid=(0.5, 1.0))
    checkpoint.save(attempt_of(made, "random") / "checkpoints", [checkpoint.SeedState(0, 5, {}, {})])
    return Store(made.root, caches=False)


@pytest.fixture
def two(tmp_path):
    """What another one has: the first run of `a`, too, and `b` on two tasks."""
    made = folder(tmp_path / "two", {"a": {POLE: [400.0]}, "b": {POLE: [300.0, 299.0], CAR: [-200.0]}}, grid=(0.5, 1.0))
    return Store(made.root, caches=False)


@pytest.fixture
def target(tmp_path):
    return Store(tmp_path / "both")


def merge(sources, target):
    return folder_merge.merge_folders(sources, target, "0")


def counts(outcome):
    return len(outcome.copied), len(outcome.present), len(outcome.unfinished)


def attempt_of(store, algorithm):
    return next(path for path, description in store.attempts() if description["group"]["algorithm"] == algorithm)


def run_named(store, algorithm, seed=0):
    return next(run for run in store.runs() if (run.algorithm, run.seed) == (algorithm, seed))


def files(path):
    """Return what is below a folder, but for the lock, whose text has a time: the content of each file by its path."""
    found = {str(each.relative_to(path)): each for each in sorted(path.rglob("*")) if each.is_file()}
    return {name: each.read_bytes() for name, each in found.items() if name != "LOCK"}


def rows(store):
    return {(row.environment, row.algorithm, row.seed): (row.status, str(row.score)) for row in Results(store).rows}


def to_do(store):
    return [f for f in FolderCheckup(Store(store.root)).findings if f.level == "to do" and f.where != "runs"]


def test_each_run_is_copied_once_and_merging_again_finds_all_of_them_there(one, two, target):
    before = files(one.root), files(two.root)
    outcome = merge([one, two], target)
    assert counts(outcome) == (5, 0, 1) and not (outcome.conflicts or outcome.left_out)
    assert rows(target) == rows(two) | rows(one) and to_do(target) == []
    copied = files(target.root)
    for name, content in (before[1] | before[0]).items():  # that of `a` on the second machine is there already
        if name.startswith("runs/"):
            assert copied[name] == content
    assert {name for name in before[0] if name.startswith("attempts/")} <= set(copied)
    assert len(target.attempts()) == len(one.attempts()) + len(two.attempts()) - 1
    assert counts(merge([one, two], target)) == (0, 5, 1) and counts(merge([two], target)) == (0, 4, 1)
    assert files(target.root) == copied and (files(one.root), files(two.root)) == before


def test_a_folder_of_its_own_stays_the_same_to_the_byte(one, target):
    assert counts(merge([one], target)) == (2, 0, 1)
    same = {name: content for name, content in files(one.root).items() if name.split("/")[0] in ("runs", "attempts")}
    assert {name: files(target.root)[name] for name in same} == same
    ours, theirs = (json.loads((store.root / "suite.json").read_text()) for store in (one, target))
    assert ours["runs"] == theirs["runs"] and ours["suite"]["name"] == theirs["suite"]["name"]


def test_a_run_with_other_records_is_named_and_the_first_is_kept(one, two, target):
    run = two.folder(next(run for run in two.runs() if run.label == "a"))
    rewrite_table(run, "evaluations", lambda rows: [row.update(wall_seconds=9.0) for row in rows])
    assert counts(merge([one, two], target)) == (5, 0, 1)  # it took longer, which is no other result
    assert merge([one, two], target).conflicts == []
    edit_result(run, lambda result: result.update(steps=999))
    assert len(merge([two], target).conflicts) == 1
    rewrite_table(run, "evaluations", lambda rows: rows[-1].update(returns=[401.0]))
    outcome = merge([one, two], target)
    (said,) = outcome.conflicts
    assert said == f"{run.name} has other records in {two.root} than in {target.root}; the latter are kept"
    assert counts(outcome) == (0, 5, 1)
    shutil.rmtree(target.root)
    (said,) = merge([two, one], target).conflicts
    copy = target.root / "runs" / run.name
    assert f"than in {two.root}" in said and json.loads((copy / "result.json").read_text())["steps"] == 999


def without_table(run):
    (run / "evaluations.parquet").unlink()


def with_another_table(run):
    rewrite_table(run, "evaluations", lambda rows: rows[-1].update(return_mean=1.0), honest=False)


def without_spec(run):
    (run / "spec.json").unlink()


def with_another_result(run):
    (run / "result.json").write_text((run / "result.json").read_text().replace('"steps": 1000', '"steps": 999'))


def as_a_link(run):
    shutil.move(run, run.parents[2] / run.name)
    run.symlink_to(run.parents[2] / run.name)


HARMS = (without_table, with_another_table, without_spec, with_another_result, as_a_link)


@pytest.mark.parametrize("harm", HARMS, ids=lambda harm: harm.__name__)
def test_a_damaged_run_is_named_and_taken_from_a_folder_where_it_is_whole(one, two, target, harm):
    run = one.folder(next(run for run in one.runs() if run.label == "a" and run.seed == 0))
    harm(run)
    outcome = merge([one], target)
    assert counts(outcome) == (1, 0, 2) and run.name in outcome.left_out[0] and len(outcome.left_out) == 1
    assert not (target.root / "runs" / run.name / "result.json").exists()
    outcome = merge([one, two], target)
    assert counts(outcome) == (4, 1, 1) and len(outcome.left_out) == 1
    assert to_do(target) == [] and rows(target)[POLE, "a", 0] == ("done", "400.0")


def test_a_run_that_changes_while_it_is_copied_is_not_published(one, target, monkeypatch):
    describe = folder_merge._describe

    def describe_then_harm(folders, *arguments):
        describe(folders, *arguments)
        with_another_table(one.folder(run_named(one, "dqn", 1)))

    monkeypatch.setattr(folder_merge, "_describe", describe_then_harm)
    outcome = merge([one], target)
    assert counts(outcome) == (1, 0, 2) and "evaluations.parquet was changed after" in outcome.left_out[0]
    assert rows(target)[POLE, "a", 1][0] == "interrupted" and to_do(target) == []


@pytest.mark.parametrize("harm", [without_table, with_another_result], ids=lambda harm: harm.__name__)
def test_a_damaged_run_in_the_target_stays_until_it_is_mended(one, target, harm):
    merge([one], target)
    run = target.folder(run_named(target, "dqn", 1))
    (attempt,) = (path for path in (target.root / "attempts").glob("dqn*"))
    shutil.rmtree(attempt)  # without it, the table cannot be restored
    harm(run)
    before = files(run)
    outcome = merge([one], target)
    assert counts(outcome) == (0, 1, 2) and "rlbench doctor --fix" in outcome.left_out[0] and files(run) == before
    list(mend(Store(target.root)))
    assert counts(merge([one], target)) == (1, 1, 1) and to_do(target) == [] and files(run) == files(one.folder(run))


def test_what_the_target_lacks_of_a_run_is_written_again(one, target):
    merge([one], target)
    run, before = target.folder(run_named(target, "dqn", 1)), files(target.root)
    without_spec(run)
    assert counts(merge([one], target)) == (0, 2, 1) and files(target.root) == before


OTHER = {
    "budget": ({"a": {POLE: [1.0]}}, {"environments": {POLE: {"steps": 500}}}, f"{POLE} is another task in"),
    "anchors": (
        {"a": {POLE: [1.0]}},
        {"suite": {POLE: {"anchors": {"lower": 0.0, "upper": 9.0}}}},
        f"{POLE} has other anchors in",
    ),
    "settings": ({"random": {POLE: [1.0]}}, {}, f"a on {POLE} has other settings in"),
}


@pytest.mark.parametrize("what", OTHER)
def test_what_a_table_would_mix_is_refused(one, target, tmp_path, what):
    scores, options, said = OTHER[what]
    other = folder(tmp_path / "other", scores, **options)
    if what == "settings":
        document = json.loads((other.root / "suite.json").read_text())
        document["runs"][0]["label"] = "a"
        (other.root / "suite.json").write_text(json.dumps(with_checksum(document)))
    with pytest.raises(SuiteError, match="merge folders of one suite") as error:
        merge([one, other], target)
    assert said in str(error.value) and not (target.root / "suite.json").exists()
    merge([one], target)
    before = files(target.root)
    with pytest.raises(SuiteError):
        merge([other], target)
    assert files(target.root) == before


def test_anchors_and_skipped_pairs_of_one_folder_hold_for_both(one, tmp_path, target):
    anchors = {"anchors": {"lower": 0.0, "upper": 9.0}}
    made = folder(tmp_path / "new", {"a": {"New-v0": [1.0]}})
    skipped = [{"algorithm": "b", "environment": name, "reason": "r", "status": "skipped"} for name in ("New-v0", POLE)]
    suite = {"name": "other", "environments": [{"id": "New-v0", **anchors}, {"id": POLE}]}
    made.describe_suite(suite, made.runs(), "0", skipped)
    b = folder(tmp_path / "b", {"b": {POLE: [3.0]}}, suite={"New-v0": {}})
    merge([one, b, made], target)
    document = json.loads((target.root / "suite.json").read_text())
    assert [pair["environment"] for pair in document["skipped"]] == ["New-v0"]  # on the other task, `b` has runs
    assert document["suite"]["name"] == "both" and Results(target).anchors["New-v0"].upper == 9.0


DESIGN = Design(alpha=0.5, margin=None, statistic="mean", group_size=2, looks=3)


def decided(store, looks, at="now", design=DESIGN):
    analyses = tuple(InterimAnalysis(number, at, ()) for number in range(1, looks + 1))
    write_decisions(store, Decisions(design, "raw", {"a": {POLE: "k"}, "random": {POLE: "k"}}, {}, analyses))


def test_folders_whose_seeds_were_added_until_pairs_were_decided_merge_only_with_their_copies(one, two, target):
    decided(one, 2)
    copy = Store(one.root.with_name("copy"))
    shutil.copytree(one.root, copy.root)
    decided(copy, 1)
    for sources in ([one], [copy, one], [copy]):  # the last one is older than what is there
        merge(sources, target)
        assert len(read_decisions(target).looks) == 2
    for others, design in ((1, DESIGN), (2, Design(alpha=0.1, margin=None, statistic="mean", group_size=2, looks=3))):
        decided(copy, others, "at another time" if design == DESIGN else "now", design)
        with pytest.raises(SuiteError, match="is no copy of it"):
            merge([one, copy], Store(one.root.with_name("no")))
    with pytest.raises(SuiteError, match="is no copy of it"):
        merge([two], target)
    with pytest.raises(SuiteError, match="is no copy of it"):
        merge([two, one], Store(one.root.with_name("no")))
    (copy.root / "decisions.json").write_text("{")
    with pytest.raises(StoreError, match="decisions"):
        merge([copy], Store(one.root.with_name("no")))


def test_archives_are_copied_as_archives_and_what_is_there_in_one_form_is_not_copied_in_the_other(one, two, target):
    list(compact(one))
    merge([one, two], target)
    names = sorted(path.name for path in (target.root / "attempts").iterdir())
    assert sum(name.endswith(".zip") for name in names) == 1 and to_do(target) == []
    run = run_named(target, "dqn", 1)
    (target.folder(run) / "evaluations.parquet").unlink()
    assert restore_tables(target, run, target.states([run])[run.key]) == ["evaluations.parquet"]
    list(unpack(one))
    list(compact(two))
    for run in target.runs():
        shutil.rmtree(target.folder(run))
    assert counts(merge([one, two], target)) == (5, 0, 1)
    assert sorted(path.name for path in (target.root / "attempts").iterdir()) == names


POINTS = ("merge-described", "link-spec:2", "merge-attempt:2", "merge-result:2", "link-result:3", "linked-result")


@pytest.mark.faults
@pytest.mark.parametrize("point", POINTS)
def test_a_kill_at_any_moment_leaves_no_half_run_and_the_next_merge_ends_what_was_begun(one, two, target, point):
    command = [sys.executable, "-m", "rlbench.cli.main", "merge", str(one.root), str(two.root), "-o", str(target.root)]
    environment = {**os.environ, "RLBENCH_FAIL_AT": point}
    assert subprocess.run(command, env=environment, cwd=ROOT).returncode == KILLED
    statuses = {status for status, _ in rows(target).values()}
    assert statuses <= {"done", "pending", "interrupted", "corrupt"}
    # Of some runs there may be no more than their line in suite.json.
    assert ("corrupt" in statuses) == (point in POINTS[:2])
    whole = Store(target.root.with_name("whole"))
    merge([one, two], whole)
    assert not merge([one, two], target).left_out
    left = [path for path in target.root.rglob(".*") if path.name.endswith(".tmp")]
    assert all(f.kind == "leftovers of killed processes" for f in to_do(target)) and len(to_do(target)) == len(left)
    for path in left:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert files(target.root) == files(whole.root)
    assert rows(target) == rows(whole)


@pytest.mark.parametrize("pattern", ["*/runs/*", "*/attempts/*"])
def test_a_full_disk_ends_the_merge_and_the_next_one_goes_on(one, two, target, monkeypatch, pattern):
    with monkeypatch.context() as full:
        refuse_to_sync(full, pattern, errno.ENOSPC)
        with pytest.raises(DiskFull, match="free some space"):
            merge([one, two], target)
    assert not list(target.root.rglob(".*.tmp"))
    assert counts(merge([one, two], target))[2] == 1 and rows(target) == rows(two) | rows(one) and to_do(target) == []


def test_links_and_pipes_are_not_copied(one, target, tmp_path):
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret/key").write_text("a secret")
    attempt = attempt_of(one, "random")
    (attempt / "link").symlink_to(tmp_path / "secret/key")
    (attempt / "folder").symlink_to(tmp_path / "secret")
    os.mkfifo(attempt / "pipe")
    (attempt / "loop").symlink_to("loop")
    other = attempt_of(one, "dqn")
    shutil.move(other, tmp_path / "secret" / other.name)
    other.symlink_to(tmp_path / "secret" / other.name)
    outcome = merge([one], target)
    assert outcome.left_out == [f"attempts/{other.name} in {one.root}: it is a link; replace it with its target"]
    assert counts(outcome) == (2, 0, 1) and b"a secret" not in files(target.root).values() and to_do(target) == []
    assert {path.name for path in (target.root / "attempts" / attempt.name).iterdir()} == {
        path.name for path in attempt.iterdir()
    } - {"link", "folder", "pipe", "loop"}


def test_what_may_not_be_read_is_named(one, target, monkeypatch):
    real = os.walk

    def walk(top, **options):
        if "onerror" in options and "random" in str(top):
            options["onerror"](PermissionError(errno.EACCES, "Permission denied", str(top)))
        return real(top, **options)

    monkeypatch.setattr(os, "walk", walk)
    outcome = merge([one], target)
    assert counts(outcome) == (2, 0, 1) and "cannot be read (Permission denied)" in outcome.left_out[0]
    monkeypatch.undo()
    assert not merge([one], target).left_out and len(target.attempts()) == 2


def test_runs_that_are_being_trained_are_named_and_the_finished_ones_copied(one, target):
    description = next(each for _, each in one.attempts() if each["group"]["algorithm"] == "random")
    with being_run(one):
        (attempt_of(one, "dqn") / "exit.json").write_text('{"status": "done"}')
        outcome = merge([one], target)
        assert counts(outcome) == (2, 0, 1)
        (said,) = outcome.left_out
        assert "random" in said and "is being trained" in said and len(target.attempts()) == 1
        live = LiveAttempt(one, group_from_dict(description["group"]))
        live.evaluates(0, 500, 1.0)
    outcome = merge([one], target)
    assert counts(outcome) == (0, 2, 1) and not outcome.left_out and len(target.attempts()) == 3


def test_a_group_that_is_publishing_its_runs_is_left_for_later(one, target):
    with being_run(one):
        outcome = merge([one], target)
        assert counts(outcome) == (0, 0, 3) and len(outcome.left_out) == 3
    assert counts(merge([one], target)) == (2, 0, 1)


def test_a_target_in_a_source_or_with_other_files_or_in_use_is_refused(one, target, tmp_path):
    with pytest.raises(StoreError, match="which is only read"):
        merge([one], Store(one.root / "both"))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.tex").write_text("")
    with pytest.raises(StoreError, match="has other files and no results"):
        merge([one], Store(tmp_path / "mine"))
    assert files(tmp_path / "mine") == {"thesis.tex": b""}
    with being_run(target), pytest.raises(LockedError):
        merge([one], Store(target.root))


@pytest.mark.faults
def test_an_interrupted_run_resumes_in_the_merged_folder_and_gives_the_same_bits(tmp_path):
    (tmp_path / "s.yaml").write_text(
        "{name: s, algorithms: [q_learning], environments: [{id: FrozenLake-v1, steps: 600}], seeds: [3, 8],"
        "evaluation: {every: 100, episodes: 2, final_episodes: 3}, checkpoint_every: 100}"
    )
    run = ("run", tmp_path / "s.yaml", "--retries", "0", "-o")
    assert rlbench(*run, tmp_path / "whole").returncode == 0
    assert rlbench(*run, tmp_path / "cut", RLBENCH_FAIL_AT="evaluated:6").returncode == 1
    assert counts(merge([Store(tmp_path / "cut")], Store(tmp_path / "both"))) == (0, 0, 2)
    assert rlbench(*run, tmp_path / "both").returncode == 0
    assert {r["resumed_from"] > 0 for r in results(tmp_path / "both")} == {True}
    assert published(tmp_path / "both") == published(tmp_path / "whole")
    assert counts(merge([Store(tmp_path / "whole"), Store(tmp_path / "cut")], Store(tmp_path / "both"))) == (0, 2, 0)
    again = rlbench(*run, tmp_path / "both")
    assert again.returncode == 0 and "started" not in again.stderr
