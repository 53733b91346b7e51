"""`rlbench run --until-decided`: the check of its options, and the printed decisions."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from rlbench.cli.text_table import fitted, plain, write_out

if TYPE_CHECKING:
    from rlbench.analysis.sequential_log import Decisions
    from rlbench.run_options import RunOptions


def check_design(options: RunOptions) -> None:
    """Check that options of --until-decided are given only with it, and that no other option contradicts it.

    Raises: click.UsageError.
    """
    if not options.until_decided:
        given = [name for name, value in options.design.items() if value is not None]
        if given:
            raise click.UsageError(f"--{given[0].replace('_', '-')} requires --until-decided")
    elif options.detach:
        raise click.UsageError("--detach contradicts --until-decided, which tests after each batch of seeds")
    elif options.seeds is not None:
        raise click.UsageError("--seeds contradicts --until-decided, which chooses the number of seeds itself")


def print_decisions(decisions: Decisions, as_json: bool = False) -> None:
    """Write to stdout the decisions, their numbers, and the number of runs saved by stopping early."""
    if as_json:
        write_out(json.dumps(_event(decisions), allow_nan=False) + "\n")
        return
    design = decisions.design
    scores = "normalised scores" if decisions.scale == "normalised" else "raw scores"
    margin = "no margin" if design.margin is None else f"margin {design.margin:g}"
    text = f"\nseeds added until decided: {design.statistic} of {scores}, alpha {design.alpha:g}, {margin}, "
    text += f"at most {design.looks} interim analyses, each after {design.group_size} more seeds\n\n"
    results = sorted(decisions.last.values(), key=lambda result: result.look)
    rows = [(str(r.look), str(r.look * design.group_size), plain(decisions.sentence(r))) for r in results]
    text += fitted(("analysis", "runs", "verdict"), rows, numbers=(0, 1)) if rows else "no interim analysis yet\n"
    count = f"\n{decisions.runs} of at most {decisions.cap} runs"
    saved = decisions.cap - decisions.runs
    text += f"{count}: {saved} saved\n" if decisions.finished else f"{count} so far\n"
    write_out(text)


def _event(decisions: Decisions) -> dict[str, Any]:
    """Return the decisions as the last event of `run --json`."""
    from dataclasses import asdict

    frame = decisions.frame()
    pairs = json.loads(frame.to_json(orient="records"))  # NaN and infinities become null
    return {
        "event": "decisions",
        "design": asdict(decisions.design),
        "scale": decisions.scale,
        "finished": decisions.finished,
        "pairs": pairs,
        "runs": decisions.runs,
        "runs_at_the_cap": decisions.cap,
    }
