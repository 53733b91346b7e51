"""Folders of many runs: links, odd files among good ones, evaluations beside training, what paths say."""

import importlib.util
import os
from pathlib import Path

import numpy as np
import pytest
from support import permissions

from rlbench.importers import ForeignError, read_sources
from rlbench.importers.published_files import read_published

MONITOR = '#{"t_start": 0, "env_id": "X-v0"}\nr,l,t\n10,100,1.0\n'


def run(path, text=MONITOR, name="0.monitor.csv"):
    path.mkdir(parents=True, exist_ok=True)
    (path / name).write_text(text)
    return path


def read(path, template=None, exclude=(), tag=None):
    return read_sources([path], {}, tag, template, exclude)


def places(reading):
    return [(records.algorithm, records.environment, records.seed) for records in reading.records]


def test_one_odd_file_costs_itself_alone(tmp_path):
    run(tmp_path / "X_1")
    run(tmp_path / "X_2", "#{oops\n")
    (tmp_path / "X_3").mkdir()
    (tmp_path / "X_3/r.csv").write_bytes(b"\xff\xfe\x00")
    found = read(tmp_path, "{environment}_{seed}")
    assert places(found) == [("", "X", 1)]
    assert [
        "0.monitor.csv:1: invalid JSON after the #" in one.why or "cannot be read" in one.why for one in found.skipped
    ] == [
        True,
        True,
    ]


def test_what_is_not_like_the_template_is_named_and_may_be_excluded(tmp_path):
    run(tmp_path / "ppo/X_1")
    run(tmp_path / "ppo/X_1/eval", name="monitor.csv")
    found = read(tmp_path, "{algorithm}/{environment}_{seed}")
    assert places(found) == [("ppo", "X", 1)]
    assert "eval/monitor.csv does not match --path" in found.skipped[0].why
    for pattern in ("eval", "ev*", "*/eval/*", "ppo/X_1/eval/"):
        found = read(tmp_path, "{algorithm}/{environment}_{seed}", [pattern])
        assert places(found) == [("ppo", "X", 1)] and not found.skipped
        assert found.notes == [f"{tmp_path}: excluded: 1 file"]


def test_folders_behind_links_are_read_and_each_once(tmp_path):
    elsewhere, logs = run(tmp_path / "elsewhere/b"), tmp_path / "logs"
    run(logs / "X_1")
    (logs / "X_2").symlink_to(elsewhere)
    (logs / "X_1/up").symlink_to(logs)
    (logs / "latest").symlink_to(logs / "X_1")
    (logs / "X_9").symlink_to(tmp_path / "gone")
    found = read(logs, "{environment}_{seed}")
    assert places(found) == [("", "X", 1), ("", "X", 2)] and not found.skipped
    assert sorted(found.notes) == [
        f"{logs}/X_1/up: the same folder as {logs}, skipped",
        f"{logs}/X_9: a broken link",
        f"{logs}/latest: the same folder as {logs}/X_1, skipped",
    ]


def test_a_link_to_a_folder_above_does_not_lead_to_what_is_beside(tmp_path):
    run(tmp_path / "home/other/X_1")
    logs = run(tmp_path / "home/logs/X_2").parent
    (logs / "home").symlink_to(tmp_path / "home")
    found = read(logs, "{environment}_{seed}")
    assert places(found) == [("", "X", 2)] and not found.skipped
    assert found.notes == [f"{logs}/home: the same folder as {tmp_path}/home, skipped"]


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="no /proc")
def test_what_the_system_shows_as_files_is_refused(tmp_path):
    for start in (Path("/proc/self"), Path("/proc/self/task")):
        with pytest.raises(ForeignError, match=f"^{start}: not read, because it is in"):
            read(start)
    with pytest.raises(ForeignError, match="^/proc/self: not read, because it is in"):
        read_published("dreamerv3", [Path("/proc/self")])
    run(tmp_path / "X_1")
    (tmp_path / "process").symlink_to("/proc/self")
    found = read(tmp_path, "{environment}_{seed}")
    assert places(found) == [("", "X", 1)] and [one.source for one in found.skipped] == [f"{tmp_path}/process"]


def test_what_may_not_be_opened_is_left_out_and_named(tmp_path):
    if not permissions.are_enforced(tmp_path):
        pytest.skip("permissions are not enforced")
    run(tmp_path / "logs/X_1")
    run(tmp_path / "logs/X_2").chmod(0o444)
    run(tmp_path / "shut/X_3")
    (tmp_path / "logs/X_1/3.monitor.csv").symlink_to(tmp_path / "shut/X_3/0.monitor.csv")
    (tmp_path / "shut").chmod(0)
    ran = permissions.rlbench("import", "logs", "-o", "out", "--algorithm", "a", "--seed", 0, cwd=tmp_path)
    (tmp_path / "logs/X_2").chmod(0o755)
    (tmp_path / "shut").chmod(0o755)
    assert ran.returncode == 1 and "1 run" in ran.stdout + ran.stderr, ran
    assert "X_1/3.monitor.csv: cannot be opened: Permission denied" in ran.stderr and "left out" in ran.stderr


def test_names_may_be_in_capitals_and_no_text(tmp_path):
    (tmp_path / "A_1.CSV").write_text("step,return\n1,2\n")
    (tmp_path / os.fsdecode(b"caf\xe9_2.csv")).write_text("step,return\n1,2\n")
    assert places(read(tmp_path, "{algorithm}_{seed}.*")) == [("A", "", 1), ("caf\ufffd", "", 2)]


def test_results_of_rlbenchs_own_are_told_apart(tmp_path):
    (tmp_path / "runs").mkdir()
    (tmp_path / "suite.json").write_text("{}")
    with pytest.raises(ForeignError, match="an rlbench result folder; use `rlbench compare A B`"):
        read(tmp_path)


def test_a_pipe_is_not_waited_for(tmp_path):
    run(tmp_path / "a")
    os.mkfifo(tmp_path / "a/pipe.csv")
    found = read(tmp_path)
    assert len(found.records) == 1 and "pipe.csv: neither a regular file nor a link to one" in found.skipped[0].why


@pytest.mark.parametrize("template", ["{_}", "{time}", "*"])
def test_parts_of_a_path_may_be_ignored(tmp_path, template):
    for seed in (0, 1):
        run(tmp_path / f"CartPole-v1__dqn__{seed}__170000000{seed}")
    found = read(tmp_path, "{environment}__{algorithm}__{seed}__" + template)
    assert places(found) == [("dqn", "CartPole-v1", 0), ("dqn", "CartPole-v1", 1)]


def test_a_path_that_a_template_fits_in_two_ways_is_refused(tmp_path):
    run(tmp_path / "CartPole-v1__dqn__0__1700000000")
    with pytest.raises(
        ForeignError, match="in two ways: environment CartPole-v1, algorithm dqn__0, seed 1700000000, or"
    ):
        read(tmp_path, "{environment}__{algorithm}__{seed}")


@pytest.mark.parametrize(
    ("folder", "template", "place"),
    [
        ("ppo12", "{algorithm}{seed}", ("ppo", "X-v0", 12)),
        ("double_dqn_3", "{algorithm}_{seed}", ("double_dqn", "X-v0", 3)),
        ("Ant-v5_-1", "{environment}_{seed}", ("", "Ant-v5", -1)),
        ("mit Abstand/ä 4", "{algorithm}/*{seed}", ("mit Abstand", "X-v0", 4)),
        ("ppo lr=3e-4/s7", "{algorithm}/s{seed}", ("ppo lr=3e-4", "X-v0", 7)),
    ],
)
def test_paths_say_names_of_any_letters_and_seeds_of_any_sign(tmp_path, folder, template, place):
    run(tmp_path / folder)
    assert places(read(tmp_path, template)) == [place]


@pytest.mark.parametrize("template", ["{algo}", "a/b", "{_}", "{seed}/{seed}"])
def test_a_template_of_unknown_parts_or_none_is_refused(tmp_path, template):
    with pytest.raises(ForeignError, match="use one or more of {algorithm}, {environment}, {seed}, each once"):
        read(tmp_path, template)


def evaluations(path, results, **more):
    results = np.asarray(results)
    np.savez(path / "evaluations.npz", **{"timesteps": 50 * np.arange(1, len(results) + 1), "results": results, **more})


def test_evaluations_beside_a_monitor_are_the_runs(tmp_path):
    run(tmp_path / "a")
    evaluations(
        tmp_path / "a", [[1.0, 3.0], [500.0, 400.0]], ep_lengths=[[9, 9], [8, 7]], successes=[[True, False]] * 2
    )
    (records,) = read(tmp_path).records
    assert [tuple(row) for row in records.rows] == [
        (50, 1.0, 9, True),
        (50, 3.0, 9, True),
        (100, 10.0, 100, False),
        (100, 500.0, 8, True),
        (100, 400.0, 7, True),
    ]
    assert records.source == str(tmp_path / "a") and "its evaluations are those in evaluations.npz" in records.notes


def test_of_evaluations_whose_steps_go_back_the_later_hold(tmp_path):
    evaluations(tmp_path, [[1.0], [2.0], [3.0], [8.0], [9.0]], timesteps=np.array([0, 100, 200, 100, 300]))
    (records,) = read(tmp_path).records
    assert [(row.step, row.return_) for row in records.rows] == [(0, 1.0), (100, 8.0), (300, 9.0)]
    assert records.notes == (
        "steps go back from 200 to 100 in evaluations.npz: the later rows count; skipped: 2 earlier rows",
    )


def test_evaluations_alone_are_a_run(tmp_path):
    evaluations(tmp_path, [[5.0], [6.0]])
    assert [row.return_ for row in read(tmp_path / "evaluations.npz").records[0].rows] == [5.0, 6.0]


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"results": np.array([[1.0], [2.0, 3.0]], dtype=object)}, "cannot be read"),
        ({"timesteps": np.arange(3)}, "do not match"),
        ({"results": np.zeros((0, 5)), "timesteps": np.zeros(0, int)}, "no evaluation in it"),
        ({"timesteps": np.array([-1, 5])}, "timesteps from -1 to 5"),
    ],
)
def test_a_run_whose_evaluations_cannot_be_read_is_left_out(tmp_path, arrays, said):
    run(tmp_path / "a")
    run(tmp_path / "b")
    np.savez(tmp_path / "a/evaluations.npz", **{"timesteps": np.arange(2), "results": np.ones((2, 2)), **arrays})
    found = read(tmp_path)
    assert [records.source for records in found.records] == [str(tmp_path / "b/0.monitor.csv")]
    assert said in found.skipped[0].why


def test_a_broken_archive_is_named(tmp_path):
    (tmp_path / "evaluations.npz").write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(ForeignError, match="evaluations.npz: cannot be read"):
        read(tmp_path)


def test_tables_beside_monitor_files_are_named_as_not_read(tmp_path):
    run(tmp_path / "a")
    run(tmp_path / "a", "x\n", "progress.csv")
    assert read(tmp_path).records[0].notes == ("ignored, because there is a Monitor file: progress.csv",)


@pytest.mark.skipif(importlib.util.find_spec("tensorboard") is None, reason="needs the extra tensorboard")
@pytest.mark.parametrize(("begin", "steps"), [(20, [10, 20, 30]), (30, [10, 20, 30, 40]), (10, [10, 20])])
def test_of_steps_that_event_files_tell_twice_the_later_hold(tmp_path, begin, steps):
    from torch.utils.tensorboard import SummaryWriter

    for first, value in ((10, 1.0), (begin, 5.0)):
        writer = SummaryWriter(str(tmp_path), filename_suffix=f".{value}")
        for step in (first, first + 10) if value == 5.0 else (10, 20, 30):
            writer.add_scalar("charts/episodic_return", value, step)
        writer.close()
    (records,) = read(tmp_path).records
    assert [row.step for row in records.rows] == steps
    assert [row.return_ for row in records.rows] == [5.0 if step >= begin else 1.0 for step in steps]
    assert f"steps go back from 30 to {begin}" in records.notes[1]
    older, newer = sorted(tmp_path.iterdir())
    assert [row.step for row in read(tmp_path, exclude=[newer.name]).records[0].rows] == [10, 20, 30]
    older.write_bytes(older.read_bytes()[:-1])
    (records,) = read(tmp_path, exclude=[newer.name]).records
    assert [row.step for row in records.rows] == [10, 20] and records.notes == (
        f"the last record of {older.name} is incomplete and was skipped",
    )
