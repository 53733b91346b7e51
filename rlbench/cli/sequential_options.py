"""`rlbench run --until-decided`: its options, and what is printed of its verdicts."""

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
        help="Add seeds, group by group, until every pair of algorithms is better, equivalent or at the cap; exit code 0 if"
        " all runs are ok, decided or not.",
    ),
    click.option("--alpha", type=float, help="With it: the chance of any wrong verdict of a kind; default 0.05."),
    click.option(
        "--margin",
        type=click.FloatRange(0),
        help="With it: the difference that does not matter; default 0.05 between the anchors, none of raw scores; 0: none.",
    ),
    click.option("--statistic", type=click.Choice(["mean", "iqm"]), help="With it: what is compared; default mean."),
    click.option("--group-size", type=click.IntRange(2), help="With it: seeds added at a time; default 5."),
    click.option("--looks", type=click.IntRange(1), help="With it: how often at most; default 6."),
)


def adaptive_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--until-decided` and the options of its design, which arrive as one mapping `design`."""

    @wraps(command)
    def with_design(**options: Any) -> Any:
        design = {name: options.pop(name) for name in _DESIGN}
        if not options["until_decided"]:
            given = [name for name, value in design.items() if value is not None]
            if given:
                raise click.UsageError(f"--{given[0].replace('_', '-')} belongs to --until-decided")
        elif options.get("seeds") is not None:
            raise click.UsageError("--seeds and --until-decided contradict: the latter says how many as it goes")
        return command(**options, design=design)

    for option in reversed(_OPTIONS):
        with_design = option(with_design)
    return with_design


def print_decisions(decisions: Decisions, as_json: bool = False) -> None:
    """Write what was decided when, by which numbers, and how many runs that saved, to stdout."""
    if as_json:
        write_out(json.dumps(_event(decisions), allow_nan=False) + "\n")
        return
    design = decisions.design
    scores = "scores between the anchors" if decisions.scale == "normalised" else "raw scores"
    margin = "no margin" if design.margin is None else f"margin {design.margin:g}"
    text = f"\nseeds added until decided: {design.statistic} of {scores}, alpha {design.alpha:g}, {margin}, "
    text += f"at most {design.looks} looks at {design.group_size} more seeds each\n\n"
    readings = sorted(decisions.last.values(), key=lambda reading: reading.look)
    rows = [(str(r.look), str(r.look * design.group_size), plain(decisions.told(r))) for r in readings]
    text += fitted(("look", "runs", "verdict"), rows, numbers=(0, 1)) if rows else "no look has been judged yet\n"
    spent = f"\n{decisions.runs} of at most {decisions.cap} runs"
    saved = decisions.cap - decisions.runs
    text += f"{spent}: {saved} saved\n" if decisions.finished else f"{spent} so far\n"
    write_out(text)


def _event(decisions: Decisions) -> dict[str, Any]:
    """The last event of `run --json`."""
    from dataclasses import asdict

    frame = decisions.frame()
    looks = json.loads(frame.to_json(orient="records"))  # NaN and infinities become null
    return {
        "event": "decisions",
        "design": asdict(decisions.design),
        "scale": decisions.scale,
        "finished": decisions.finished,
        "pairs": looks,
        "runs": decisions.runs,
        "runs_at_the_cap": decisions.cap,
    }
