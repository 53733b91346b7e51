"""The report drawn by a child process: the last good one is kept, and it takes its share of the time only."""

import os
import sys
from queue import Queue

import pytest
from support.live_folders import LiveAttempt, being_run
from support.report_pages import group, play, suite_of

from rlbench.viewer.report_renderer import ReportRenderer, worker_command
from rlbench.viewer.throttle import Throttle

# A child that does what a file says.
OBEYS = "import sys; exec(open(sys.argv[1]).read())"


@pytest.fixture
def events():
    return Queue()


@pytest.fixture
def script(tmp_path):
    return tmp_path / "child.py"


@pytest.fixture
def renderer(events, script):
    made = ReportRenderer(
        [sys.executable, "-c", OBEYS, str(script)],
        lambda version: events.put(version),
        lambda reason: events.put(reason),
        Throttle(0, share=0.99),
    )
    yield made
    made.close()


def test_a_report_is_drawn_for_each_change(renderer, script, events):
    script.write_text("print('<p>1</p>')")
    renderer.request("x")
    assert events.get(timeout=60) == 1 and renderer.html == "<p>1</p>\n"
    renderer.request("x")  # nothing has changed
    script.write_text("print('<p>2</p>')")
    renderer.request("y")
    assert events.get(timeout=60) == 2 and renderer.html == "<p>2</p>\n"
    assert events.empty()


@pytest.mark.parametrize(
    ("child", "reason"),
    [
        ("import sys; print('note', file=sys.stderr); sys.exit('error: no room')", "no room"),
        ("raise ValueError('broken')", "ValueError: broken"),
        ("import os; os._exit(7)", "its process ended with code 7"),
        ("pass", "its process ended with code 0"),
        ("import os; os.kill(os.getpid(), 9)", "its process ended with code -9"),
    ],
)
def test_one_that_cannot_be_drawn_is_an_error_and_the_last_one_is_kept(renderer, script, events, child, reason):
    script.write_text("print('good')")
    renderer.request("x")
    events.get(timeout=60)
    script.write_text(child)
    renderer.request("y")
    assert events.get(timeout=60) == reason
    assert renderer.html == "good\n" and renderer.version == 1


def test_a_command_that_does_not_exist_is_an_error(events, tmp_path):
    renderer = ReportRenderer([str(tmp_path / "absent")], events.put, events.put, Throttle(0))
    renderer.request("x")
    assert "No such file" in events.get(timeout=60)
    renderer.close()


def test_closing_ends_a_child_that_draws(renderer, script, events, tmp_path):
    started = tmp_path / "started"
    os.mkfifo(started)
    script.write_text(f"open({str(started)!r}, 'w').close(); import time; time.sleep(1000)")
    renderer.request("x")
    open(started).close()  # until the child is there
    renderer.close()
    assert events.empty()


def test_the_next_one_waits_for_its_share(events):
    """By a clock that stands still, the second is never due; after 9 times as long as the first took, it is."""
    now = [0.0]

    class Slow(Throttle):
        def end(self):
            now[0] += 2.0  # the first takes 2 s, and the clock stops
            super().end()
            events.put("ended")

    throttle = Slow(5.0, 0.1, lambda: now[0])
    renderer = ReportRenderer([sys.executable, "-c", "print(1)"], events.put, events.put, throttle)
    renderer.request("x")
    assert [events.get(timeout=60), events.get(timeout=60)] == [1, "ended"]
    assert throttle.wait() == 18.0
    renderer.request("y")
    now[0] += 18.0
    renderer.request("y")  # which wakes it
    assert [events.get(timeout=60), events.get(timeout=60)] == [2, "ended"]
    now[0] += 3.0  # and 2 s for drawing: the least that lies between two
    renderer.request("z", hurried=True)  # nobody trains
    assert events.get(timeout=60) == 3
    renderer.close()


@pytest.mark.slow
def test_the_child_draws_the_report_of_a_folder_and_writes_nothing_into_it(events, tmp_path):
    one = group("a", 3)
    store = suite_of(tmp_path, [one, group("b", 3, config={"n": 2})])
    play(store, one, [90.0, 70.0, 80.0], [[(50, 40.0)]] * 3)
    with being_run(store):
        LiveAttempt(store, group("b", 3, config={"n": 2}))
        before = sorted((path, path.stat().st_mtime_ns) for path in tmp_path.rglob("*"))
        renderer = ReportRenderer(worker_command(tmp_path, os.getpid()), events.put, events.put)
        renderer.request("x")
        assert events.get(timeout=120) == 1
        renderer.close()
        assert sorted((path, path.stat().st_mtime_ns) for path in tmp_path.rglob("*")) == before
    assert "3 of 6 runs finished" in renderer.html and renderer.html.rstrip().endswith("</html>")


@pytest.mark.slow
def test_a_folder_without_results_is_an_error_in_words(events, tmp_path):
    renderer = ReportRenderer(worker_command(tmp_path, os.getpid()), events.put, events.put)
    renderer.request("x")
    assert events.get(timeout=120) == f"{tmp_path}: no results here (there is no suite.json)"
    renderer.close()
