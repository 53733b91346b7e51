"""What is said while a suite runs."""

from types import SimpleNamespace

import pytest

from rlbench.api import NoticeEvent
from rlbench.cli.progress.lines import LineReporter
from rlbench.cli.progress.live import LiveReporter


@pytest.mark.parametrize("make_reporter", [lambda: LineReporter(quiet=True), LiveReporter], ids=["lines", "live"])
def test_what_holds_for_many_groups_is_said_once(make_reporter, capsys):
    group = SimpleNamespace(label="a", task=SimpleNamespace(name="b"), seeds=(0, 1))
    job, reporter = SimpleNamespace(attempt=None, group=group), make_reporter()
    for message in ("one", "one", "other", "one"):
        reporter.event(job, NoticeEvent(message, once=True))
    assert capsys.readouterr().err.split() == ["one", "other"]
