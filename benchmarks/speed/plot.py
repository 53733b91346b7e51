"""Draw the ratios: a point for the median and a line for the range of the rounds, a panel for each peer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("svg")
import seaborn as sns
from matplotlib.ticker import FuncFormatter, LogLocator


def draw(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Write an SVG. A line spans the smallest to the largest ratio of a row."""
    table: dict[str, list[Any]] = {"work": [], "ours": [], "against": [], "ratio": []}
    for row in rows:
        ours = f"S={row['seeds']}{', compiled' if row['compiled'] else ''}, {row['backend']}"
        for part in ("ratio_low", "ratio_median", "ratio_high"):  # their median, minimum and maximum are these values
            for name, value in zip(table, (row["work"], ours, row["peer"], row[part])):
                table[name].append(value)
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "rlbench", "font.family": "DejaVu Sans"}):
        grid = sns.catplot(
            table,
            x="ratio",
            y="work",
            hue="ours",
            col="against",
            col_wrap=2,
            kind="point",
            estimator="median",
            errorbar=("pi", 100),
            linestyle="none",
            dodge=0.5,
            log_scale=True,
            markersize=4,
            err_kws={"linewidth": 1.2},
            height=3.2,
            aspect=1.5,
            sharex=False,
        )
        grid.set_axis_labels("ours ÷ peer, steps a second", "").set_titles("{col_name}")
        for axes in grid.axes.flat:
            axes.axvline(1, color="0.6", linewidth=0.8, zorder=0)
            axes.grid(axis="x", alpha=0.25, linewidth=0.6)
            axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            axes.xaxis.set_minor_formatter("")
        grid.savefig(path, metadata={"Date": None})
        mpl.pyplot.close(grid.figure)
