"""The choice of a progress reporter."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from rlbench.cli.progress.lines import SECONDS_BETWEEN_LINES, LineReporter
from rlbench.cli.progress.live import LiveReporter

if TYPE_CHECKING:
    from rlbench.runner import ProgressReporter


def make_reporter(quiet: bool, verbose: bool = False) -> ProgressReporter:
    """Return a live table on a terminal that can show one, plain lines otherwise.

    verbose: one line per evaluation, on a terminal as well.
    """
    if not quiet and not verbose and can_draw():
        return LiveReporter()
    return LineReporter(quiet, 0.0 if verbose else SECONDS_BETWEEN_LINES)


def can_draw() -> bool:
    """Return whether stderr is a terminal that can redraw lines."""
    return sys.stderr is not None and sys.stderr.isatty() and os.environ.get("TERM", "dumb") != "dumb"
