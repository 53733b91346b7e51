"""The table of running groups on a terminal."""

import io
from pathlib import Path

import pytest
from rich.console import Console
from support.live_folders import LiveAttempt
from support.report_pages import group, suite_of

from rlbench.analysis import Results
from rlbench.api import EndEvent, EvaluationProtocol, Job, ProgressEvent, RunGroup, RunStatus, StartEvent, Task
from rlbench.cli.commands import status
from rlbench.cli.progress import live
from rlbench.cli.progress.board import board, cut
from rlbench.results.job_queue import JobQueue

ROW = ("a label of forty characters for one run, on MiniGrid-DoorKey-16x16-v0", "1,234,567  99 %", "−1,234.5")
FAST = ("123,456", "1:02:03")


def drawn(renderable, columns):
    console = Console(file=io.StringIO(), width=columns, force_terminal=False)
    console.print(renderable)
    return console.file.getvalue().splitlines()


@pytest.mark.parametrize("columns", [60, 70, 80, 120, 200])
def test_numbers_are_whole_and_names_keep_beginning_and_end(columns):
    header, line = drawn(board([(*ROW, *FAST)], columns), columns)
    shown = (*ROW[1:], *(FAST if columns >= 70 else ()))
    assert line.rstrip().endswith("  ".join(shown)) and len(line) <= columns
    assert line.startswith("a label") and "16-v0" in line
    assert header.split() == ["group", "steps", "return", "steps/s", "ETA"][: len(shown) + 1]
    assert (ROW[0] in line) == (columns >= 120)


def test_numbers_stay_even_where_no_room_is_left():
    line = drawn(board([(*ROW, *FAST)], 50), 50)[1]
    assert "1,234,567  99 %" in line and "−1,234.5" in line


@pytest.mark.parametrize(
    ("name", "room", "expected"), [("abcdef", 6, "abcdef"), ("abcdefgh", 6, "abc…gh"), ("日本語日本語", 6, "日 …語")]
)
def test_a_name_is_cut_in_its_middle(name, room, expected):
    assert cut(name, room) == expected


def group_of(compiled, label=""):
    task = Task("CartPole-v1", 10_000, EvaluationProtocol(every=100, episodes=1, final_episodes=1))
    return RunGroup("ppo", {}, task, (0, 1), label, compile=compiled)


@pytest.mark.parametrize("compiled", [True, False])
def test_a_compiled_group_says_so_until_its_speed_is_known(monkeypatch, compiled):
    now = [0.0]
    monkeypatch.setattr(live.time, "monotonic", lambda: now[0])
    reporter, job = live.LiveReporter(), Job(group_of(compiled), Path("attempt"), ())
    reporter.event(job, StartEvent())
    reporter.event(job, ProgressEvent(1_024, 1))
    before = "\n".join(drawn(reporter._draw(), 80))
    assert ("compiling" in before) == compiled and "1,024  10 %" in before
    now[0] = 2.0
    reporter.event(job, ProgressEvent(2_024, 2))
    after = "\n".join(drawn(reporter._draw(), 80))
    assert "compiling" not in after and "1,000" in after  # 2 seeds, 1 000 steps each, in 2 s


def test_a_label_moves_no_terminal_and_has_its_brackets():
    reporter = live.LiveReporter()
    reporter.event(Job(group_of(False, "[red]a\x1b[2J\u202e"), Path("attempt"), ()), StartEvent())
    assert drawn(reporter._draw(), 80)[1].startswith("[red]a?[2J? on CartPole-v1")


def test_a_run_that_is_started_again_counts_once():
    reporter = live.LiveReporter()
    first, second = (Job(group_of(False), Path(name), ()) for name in ("first", "second"))
    for job, event, counts in (
        (first, StartEvent(), "2 runs: 2 running; "),
        (first, EndEvent(RunStatus.INTERRUPTED, "its task ended"), "2 runs: 2 interrupted, 0 running; "),
        (second, StartEvent(), "2 runs: 2 running; "),
        (second, EndEvent(RunStatus.DONE, ""), "2 runs: 2 done, 0 running; "),
    ):
        reporter.event(job, event)
        assert drawn(reporter._draw(), 80)[-1].startswith(counts)


def test_watching_tells_what_waits_for_a_cluster(tmp_path):
    one = group("a", 1)
    store = suite_of(tmp_path / "out", [one])
    JobQueue(store.root).add(LiveAttempt(store, one, started=False).folder, ["train"], [])
    results = Results(store.root)
    for height in (24, 6):
        lines = drawn(status._table(results, status._rows(results), 120, height), 120)
        assert len(lines) < height and lines[0].endswith("1 run: 1 pending")
        assert lines[-1].startswith("in the queue for a cluster: 0 taken by tasks, 1 waiting")
