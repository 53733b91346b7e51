"""The gain from a curriculum, as tables and as JSON values."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rlbench.cli.text_table import fitted, plain
from rlbench.text import NOTHING, console_interval, console_number, fixed, fixed_interval

if TYPE_CHECKING:
    from rlbench.analysis.curriculum_gains import CurriculumGains, CurveGain
    from rlbench.stats import Interval


def curves_text(gains: CurriculumGains) -> str:
    """Return a table for each pair (an algorithm with its curriculum and without), then a legend.

    The table has the first evaluation, the steps to the threshold and the steps to the target.
    """
    if not gains.curves:
        return ""
    tables = [
        f"{plain(gain.algorithm)}: with the curriculum ({plain(gain.staged)}) and without ({plain(gain.alone)})\n"
        + fitted(("", "with", "without", "difference"), _rows(gain))
        for gain in gains.curves
    ]
    lines = ["first evaluation: the first on the evaluation grid, on the target; its difference is the jump start"]
    if any(gain.threshold is not None or gain.target is not None for gain in gains.curves):
        lines.append(
            "steps: median over runs, from the beginning of training; > N: not reached by step N, where training ends"
        )
    if any(gain.threshold is not None for gain in gains.curves):
        lines.append("steps to a return: with a 95 % interval on a side that has six runs or more")
        lines.append(
            "P(sooner): the probability that a run with the curriculum reaches the return before a run without it"
        )
    if any(gain.threshold is None for gain in gains.curves):
        lines.append("a task without anchors has no return to reach: give --threshold")
    return "\n".join([*tables, "".join(f"{line}\n" for line in lines)])


def left_out_text(gains: CurriculumGains) -> str:
    return "".join(f"not compared: {plain(text)}\n" for text in gains.left_out)


def as_document(gains: CurriculumGains) -> dict[str, Any]:
    """Return the gains as JSON values. A step that was not reached by the end of training is null."""
    return {"curves": [_entry(gain) for gain in gains.curves], "left_out": list(gains.left_out)}


def _rows(gain: CurveGain) -> list[tuple[str, ...]]:
    first, second = gain.first
    apart = gain.first_difference
    shown = NOTHING
    if apart is not None:
        three = (apart.estimate, apart.low, apart.high)
        low_high = console_interval(apart.low, apart.high, 2, "+", three)
        shown = f"{console_number(apart.estimate, 2, '+', three)} {low_high}"
    values = console_number(first, 2), console_number(second, 2)
    rows: list[tuple[str, ...]] = [(f"first evaluation, at {gain.first_step:,.0f}", *values, shown)]
    if gain.reach is not None and gain.threshold is not None:
        end = gain.last_step
        medians = [_median(side.median, bounds, end) for side, bounds in zip(gain.reach, gain.bounds)]
        counts = [f"{int(side.reached.sum())} of {len(side.reached)}" for side in gain.reach]
        rows.append((f"steps to a return of {gain.threshold:g}", *medians, ""))
        rows.append(("runs that reach it", *counts, ""))
        rows.append(("P(sooner)", _sooner(gain.sooner), "", ""))
    if gain.target is not None:
        rows.append(("steps to the target", _median(gain.target.median, None, gain.last_step), "", ""))
        rows.append(("runs that enter it", f"{gain.target.entered} of {gain.target.runs}", "", ""))
    return rows


def _median(median: float | None, bounds: tuple[float, float] | None, end: float) -> str:
    """Return a median with its interval, or the median alone if its bounds read the same as it.

    None and infinity stand for a step that was not reached by `end`.
    """
    middle, *others = (_step(value, end) for value in (math.inf if median is None else median, *(bounds or ())))
    return f"{middle} [{', '.join(others)}]" if {*others} - {middle} else middle


def _step(value: float, end: float) -> str:
    return f"{value:,.0f}" if math.isfinite(value) else f"> {end:,.0f}"


def _sooner(interval: Interval | None) -> str:
    if interval is None:
        return NOTHING
    return f"{fixed(interval.estimate, 2)} {fixed_interval(interval.low, interval.high, 2)}"


def _entry(gain: CurveGain) -> dict[str, Any]:
    sides = []
    for k, name in enumerate((gain.staged, gain.alone)):
        side: dict[str, Any] = {"environment": name, "n": gain.n[k], "first": gain.first[k]}
        if gain.reach is not None:
            reach, bounds = gain.reach[k], gain.bounds[k]
            side |= {"reached": int(reach.reached.sum()), "median_steps": reach.median}
            side["interval"] = None if bounds is None else [b if math.isfinite(b) else None for b in bounds]
        sides.append(side)
    return {
        "algorithm": gain.algorithm,
        "first_step": gain.first_step,
        "threshold": gain.threshold,
        "curriculum": sides[0],
        "alone": sides[1],
        "jump_start": _as_json(gain.first_difference),
        "sooner": _as_json(gain.sooner),
        "target": None if gain.target is None else asdict(gain.target),
    }


def _as_json(interval: Interval | None) -> dict[str, float] | None:
    return None if interval is None else {"estimate": interval.estimate, "low": interval.low, "high": interval.high}
