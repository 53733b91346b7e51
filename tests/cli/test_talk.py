"""What is said while a suite runs."""

from types import SimpleNamespace

import pytest

from rlbench.cli.progress.lines import Talk
from rlbench.cli.progress.live import Board


@pytest.mark.parametrize("watch", [lambda: Talk(quiet=True), Board], ids=["lines", "board"])
def test_what_holds_for_many_groups_is_said_once(watch, capsys):
    group = SimpleNamespace(label="a", task=SimpleNamespace(env_id="b"), seeds=(0, 1))
    job, said = SimpleNamespace(attempt=None, group=group), watch()
    for message in ("one", "one", "other", "one"):
        said.event(job, {"event": "notice", "message": message, "once": True})
    assert capsys.readouterr().err.split() == ["one", "other"]
