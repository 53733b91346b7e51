"""Axes over the range of a task's anchors, with arrows where values lie beyond the axes."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

BEYOND = 0.25  # as a fraction of the distance between the anchors; values further out get an arrow
_MARGIN = 0.04


def view(values: Iterable[ArrayLike], lower: float, upper: float) -> tuple[float, float]:
    """Return the limits of an axis: the anchors, moved outwards to the values beyond them, but by at most BEYOND."""
    all_values = np.concatenate([[lower, upper], *(np.ravel(np.asarray(value, float)) for value in values)])
    finite = all_values[np.isfinite(all_values)]
    reach = BEYOND * (upper - lower)
    low, high = max(float(finite.min()), lower - reach), min(float(finite.max()), upper + reach)
    margin = _MARGIN * (high - low)
    return low - margin, high + margin


def arrows(axes: Axes, row: float, values: ArrayLike, colour: str, gid: str | None = None) -> None:
    """Draw an arrow at each end of the axis beyond which some of a row's values [n] lie.

    The limits of the axis must be set.
    """
    low, high = axes.get_xlim()
    numbers = np.asarray(values, float)
    for beyond, place, marker in ((numbers < low, low, "<"), (numbers > high, high, ">")):
        if beyond.any():
            axes.plot(place, row, marker, color=colour, markersize=5, markeredgecolor="none", clip_on=False, gid=gid)


def arrow_of_curve(axes: Axes, at: ArrayLike, values: ArrayLike, colour: str, gid: str | None = None) -> None:
    """Draw arrows where a curve [T] first leaves the axes at the bottom and at the top. The limits must be set."""
    low, high = axes.get_ylim()
    steps, numbers = np.asarray(at, float), np.asarray(values, float)
    for beyond, place, marker in ((numbers < low, low, "v"), (numbers > high, high, "^")):
        if beyond.any():
            x = steps[np.flatnonzero(beyond)[0]]
            axes.plot(x, place, marker, color=colour, markersize=5, markeredgecolor="none", clip_on=False, gid=gid)
