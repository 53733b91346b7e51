"""Messages about damaged runs, and the exit code for them, shared by the commands that read a result folder."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from rlbench.cli.text_table import write_error

if TYPE_CHECKING:
    from rlbench.results.run_rows import RunRow

SOME_DAMAGED = 1


def describe_damaged(runs: Iterable[RunRow]) -> list[str]:
    """Return a sentence for each damaged run."""
    from rlbench.analysis.final_scores import corrupt_of

    return list(corrupt_of(runs))


def report_damaged(sentences: Iterable[str], code: int = 0) -> int:
    """Print sentences about damaged runs on stderr. Returns: `code` if it is not 0, otherwise 1 if there are any."""
    messages = list(dict.fromkeys(sentences))
    for message in messages:
        write_error(f"corrupt: {message}")
    return code or (SOME_DAMAGED if messages else 0)
