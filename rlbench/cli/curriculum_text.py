"""What a curriculum is worth, as a table and as JSON values."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from rlbench.cli.text_table import fitted, plain
from rlbench.text import NOTHING, console_interval, console_number, fixed, fixed_interval

if TYPE_CHECKING:
    from rlbench.analysis.curriculum_gains import CurriculumGains, CurveGain
    from rlbench.stats import Interval, ThresholdSteps

_BEYOND = "beyond the end"


def curves_text(gains: CurriculumGains) -> str:
    """Return a table of jump starts and steps to the threshold, three rows for each pair, and what its words mean."""
    if not gains.curves:
        return ""
    rows = [row for gain in gains.curves for row in _rows(gain)]
    header = ("algorithm", "task", "", "curriculum", "alone", "difference")
    lines = [
        "first evaluation: of the target, after an interval of the grid; the difference is the jump start",
        "steps to a return: median over runs with its 95 % interval; a run that never has it is beyond the end",
    ]
    if any(gain.threshold is None for gain in gains.curves):
        lines.append("no steps to a return where there are no anchors: give --threshold")
    return fitted(header, rows, (3, 4)) + "\n" + "".join(f"{line}\n" for line in lines)


def left_out_text(gains: CurriculumGains) -> str:
    return "".join(f"not compared: {plain(text)}\n" for text in gains.left_out)


def as_document(gains: CurriculumGains) -> dict[str, Any]:
    """Return the gains as JSON values; null stands for beyond the end."""
    return {"curves": [_entry(gain) for gain in gains.curves], "left_out": list(gains.left_out)}


def _rows(gain: CurveGain) -> list[tuple[str, ...]]:
    names, (first, second) = (plain(gain.algorithm), plain(gain.staged)), gain.first
    apart = gain.first_difference
    shown = NOTHING
    if apart is not None:
        three = (apart.estimate, apart.low, apart.high)
        low_high = console_interval(apart.low, apart.high, 2, "+", three)
        shown = f"{console_number(apart.estimate, 2, '+', three)} {low_high}"
    values = console_number(first, 2), console_number(second, 2)
    rows: list[tuple[str, ...]] = [(*names, f"first evaluation, at {gain.first_step:,.0f}", *values, shown)]
    if gain.reach is None or gain.threshold is None:
        return rows
    medians = [_median(side, bounds) for side, bounds in zip(gain.reach, gain.bounds)]
    rows.append((*names, f"steps to {gain.threshold:g}", *medians, _sooner(gain.sooner)))
    counts = [f"{int(side.reached.sum())} of {len(side.reached)} runs" for side in gain.reach]
    rows.append((*names, f"reach {gain.threshold:g}", *counts, ""))
    return rows


def _median(reach: ThresholdSteps, bounds: tuple[float, float] | None) -> str:
    middle = _BEYOND if reach.median is None else f"{reach.median:,.0f}"
    return middle if bounds is None else f"{middle} [{', '.join(map(_step, bounds))}]"


def _step(value: float) -> str:
    return f"{value:,.0f}" if math.isfinite(value) else _BEYOND


def _sooner(interval: Interval | None) -> str:
    if interval is None:
        return NOTHING
    return f"P(sooner) {fixed(interval.estimate, 2)} {fixed_interval(interval.low, interval.high, 2)}"


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
    }


def _as_json(interval: Interval | None) -> dict[str, float] | None:
    return None if interval is None else {"estimate": interval.estimate, "low": interval.low, "high": interval.high}
