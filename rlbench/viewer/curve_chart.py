"""A chart of learning curves as SVG, in the report's colours. Drawing it is fast and needs no matplotlib."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from markupsafe import Markup, escape

from rlbench.api.series_styles import SeriesStyle
from rlbench.text import number
from rlbench.viewer.live_curves import LiveCurve

WIDTH, HEIGHT = 400, 240
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 10, 8, 34  # room around the axes
_SUFFIXES = ((1e9, "G"), (1e6, "M"), (1e3, "k"))
_DOTTED = "2 3"  # dashes of curves of training episodes

Limits = tuple[float, float]


def chart(task: str, curves: Sequence[LiveCurve], budget: int, styles: Mapping[str, SeriesStyle]) -> Markup:
    """Return an <svg> element with the curves of a task over the steps of a run, from 0 to the budget."""
    limits = _limits([value for curve in curves for line in (curve.centre, *curve.singles) for _, value in line])
    ends = "; ".join(f"{curve.algorithm} {number(curve.centre[-1][1])}" for curve in curves)
    label = f"Learning curves so far on {task}: return against environment steps. Last: {ends}."
    parts = [f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(label)}">']
    for value in ticks(limits, 4):
        y = _y(value, limits)
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text class="end" x="{_LEFT - 6}" y="{y + 4:.1f}">{short_number(value)}</text>')
    for value in ticks((0, budget), 5):
        x = _x(value, budget)
        anchor = "end" if x > WIDTH - _RIGHT - 8 else "middle"
        parts.append(f'<text class="{anchor}" x="{x:.1f}" y="{HEIGHT - _BOTTOM + 16}">{short_number(value)}</text>')
    middle = (_LEFT + WIDTH - _RIGHT) / 2
    parts.append(
        f'<line class="axis" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{HEIGHT - _BOTTOM}" y2="{HEIGHT - _BOTTOM}"/>'
    )
    parts.append(f'<text class="middle" x="{middle:.0f}" y="{HEIGHT - 3}">environment steps</text>')
    for curve in curves:
        parts += _drawn(curve, budget, limits, styles[curve.algorithm])
    return Markup("".join([*parts, "</svg>"]))


def _drawn(curve: LiveCurve, budget: int, limits: Limits, style: SeriesStyle) -> list[str]:
    dash = _DOTTED if curve.kind == "training" else " ".join(f"{2 * length:g}" for length in style.dash)
    colour = f"stroke: {style.variable}"
    dashed = f"{colour}; stroke-dasharray: {dash}" if dash else colour
    parts = [f'<g class="series s{style.index}"><title>{escape(curve.algorithm)}</title>']
    parts += [
        f'<path class="single" style="{colour}" d="{_path(single, budget, limits)}"/>' for single in curve.singles
    ]
    parts.append(f'<path class="centre" style="{dashed}" d="{_path(curve.centre, budget, limits)}"/>')
    step, value = curve.centre[-1]
    x, y = _x(step, budget), _y(value, limits)
    return [*parts, f'<circle style="fill: {style.variable}" cx="{x:.1f}" cy="{y:.1f}" r="3.5"/></g>']


def _path(points: Sequence[tuple[float, float]], budget: int, limits: Limits) -> str:
    path = "M" + "L".join(f"{_x(step, budget):.1f} {_y(value, limits):.1f}" for step, value in points)
    return path + ("h0" if len(points) == 1 else "")  # a round cap makes it a dot


def _x(step: float, budget: int) -> float:
    return _LEFT + (WIDTH - _LEFT - _RIGHT) * min(1.0, step / budget)


def _y(value: float, limits: Limits) -> float:
    low, high = limits
    return _TOP + (HEIGHT - _TOP - _BOTTOM) * (high - value) / (high - low)


def _limits(values: Sequence[float]) -> Limits:
    """Return the least and the largest value with a margin; around a single value, a margin of at least 0.5."""
    low, high = min(values), max(values)
    margin = 0.05 * (high - low) or max(0.5, 0.05 * abs(high))
    return low - margin, high + margin


def ticks(limits: Limits, most: int) -> list[float]:
    """Return at most `most` + 1 round numbers within the limits: multiples of 1, 2 or 5 times a power of ten."""
    low, high = limits
    rough = (high - low) / most
    unit = 10.0 ** math.floor(math.log10(rough))
    step = next(unit * factor for factor in (1, 2, 5, 10) if unit * factor >= rough * (1 - 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [k * step for k in range(first, last + 1)]


def short_number(value: float) -> str:
    """Format a number in a few characters, as in 2.5k, −150, 0.02."""
    for size, suffix in _SUFFIXES:
        if abs(value) >= size and abs(value) < 1e12:
            return f"{value / size:g}{suffix}".replace("-", "−")
    return f"{value:.4g}".replace("-", "−")
