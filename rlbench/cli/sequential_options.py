"""`rlbench run --until-decided`: its options, and the printed decisions."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any

import click

from rlbench.cli.text_table import fitted, plain, write_out

if TYPE_CHECKING:
    from rlbench.analysis.sequential_log import Decisions

_DESIGN = ("alpha", "margin", "statistic", "group_size", "looks")
_OPTIONS = (
    click.option(
        "--until-decided",
        is_flag=True,
        help="Add seeds in batches, testing after each, until every pair of algorithms is decided (one is "
        "better, or both are equivalent) "
        "or the maximum is reached. The exit code is 0 if all runs are done, decided or not.",
    ),
    click.option(
        "--alpha",
        type=float,
        help='Maximum probability of at least one wrong "better", and separately of at least one wrong '
        '"equivalent" (with --until-decided; default: 0.05).',
    ),
    click.option(
        "--margin",
        type=click.FloatRange(0),
        help="Difference up to which algorithms count as equivalent (with --until-decided; default: 0.05 on normalised "
        "scores, none on raw scores); 0 means none.",
    ),
    click.option(
        "--statistic",
        type=click.Choice(["mean", "iqm"]),
        help="Statistic of the runs' scores to compare (with --until-decided; default: mean).",
    ),
    click.option(
        "--group-size",
        type=click.IntRange(2),
        help="Number of seeds to add before each test (with --until-decided; default: 5).",
    ),
    click.option(
        "--looks",
        type=click.IntRange(1),
        help="Maximum number of tests, one after each batch of seeds (with --until-decided; default: 6).",
    ),
)


def adaptive_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--until-decided` and the options of its design, which the command gets as one mapping `design`."""

    @wraps(command)
    def with_design(**options: Any) -> Any:
        design = {name: options.pop(name) for name in _DESIGN}
        if not options["until_decided"]:
            given = [name for name, value in design.items() if value is not None]
            if given:
                raise click.UsageError(f"--{given[0].replace('_', '-')} requires --until-decided")
        elif options.get("seeds") is not None:
            raise click.UsageError("--seeds contradicts --until-decided, which chooses the number of seeds itself")
        return command(**options, design=design)

    for option in reversed(_OPTIONS):
        with_design = option(with_design)
    return with_design


def print_decisions(decisions: Decisions, as_json: bool = False) -> None:
    """Write the decisions, their numbers, and the number of runs they saved to stdout."""
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
    """Return the last event of `run --json`."""
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
