"""What is said while a suite runs."""

import io
import sys
from types import SimpleNamespace

import pytest

from rlbench.api import NoticeEvent
from rlbench.cli.progress.lines import LineReporter
from rlbench.cli.progress.live import LiveReporter
from rlbench.cli.progress.reporter import can_draw


@pytest.mark.parametrize("make_reporter", [lambda: LineReporter(quiet=True), LiveReporter], ids=["lines", "live"])
def test_what_holds_for_many_groups_is_said_once(make_reporter, capsys):
    group = SimpleNamespace(label="a", task=SimpleNamespace(name="b"), seeds=(0, 1))
    job, reporter = SimpleNamespace(attempt=None, group=group), make_reporter()
    for message in ("one", "one", "other", "one"):
        reporter.event(job, NoticeEvent(message, once=True))
    assert capsys.readouterr().err.split() == ["one", "other"]


@pytest.mark.parametrize("make_reporter", [lambda: LineReporter(quiet=False), LiveReporter], ids=["lines", "live"])
def test_what_is_said_moves_no_terminal_and_has_its_brackets(make_reporter, capsys):
    reporter = make_reporter()
    for tell in (reporter.say, reporter.warn):
        tell("[red]a\x1b[31m\x07\u202e\nb")
    assert capsys.readouterr().err == "[red]a?[31m??\nb\n" * 2


@pytest.mark.parametrize(("term", "draws"), [("xterm", True), ("dumb", False), (None, False)])
def test_nothing_is_drawn_where_lines_cannot_be_drawn_again(monkeypatch, term, draws):
    terminal = io.StringIO()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.delenv("TERM", raising=False)
    if term is not None:
        monkeypatch.setenv("TERM", term)
    assert not can_draw()
    terminal.isatty = lambda: True
    assert can_draw() is draws
