"""What commands that read a folder say of runs that were asked for and cannot be used, and the exit code that tells of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from rlbench.cli.text_table import plain

if TYPE_CHECKING:
    import pandas as pd

SOME_DAMAGED = 1


def corrupt_runs(runs: pd.DataFrame) -> list[str]:
    """A sentence for each damaged run of a table of runs (rlbench.results.run_table.run_table)."""
    from rlbench.analysis.final_scores import corrupt_of

    return list(corrupt_of(runs))


def say_damaged(sentences: Iterable[str], code: int = 0) -> int:
    """Name damaged runs on stderr. Returns: `code`, or where that is 0 the code for some that are damaged."""
    told = list(dict.fromkeys(sentences))
    for sentence in told:
        click.echo(f"corrupt: {plain(sentence)}", err=True)
    return code or (SOME_DAMAGED if told else 0)
