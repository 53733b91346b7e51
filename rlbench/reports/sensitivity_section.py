"""Section on the sensitivity to hyperparameters that a suite sweeps."""

from __future__ import annotations

from collections.abc import Sequence

from rlbench.analysis import Results
from rlbench.analysis.sensitivity import Effect
from rlbench.api.sections import Paragraph, Section, Table
from rlbench.reports.style import as_text
from rlbench.text import interval, number


def section(results: Results) -> Section | None:
    """Return each swept value's IQM, over the runs of all points with that value, and the best and worst points."""
    sweeps = results.sweeps
    if not sweeps.extremes:
        return None
    rows = [
        (
            e.environment,
            e.algorithm,
            e.best or "–",
            number(e.best_iqm),
            e.worst or "–",
            number(e.worst_iqm),
            str(e.trials),
        )
        for e in sweeps.extremes
    ]
    chosen = "The best point is chosen on its own seeds, so its score is biased upwards: run it again on other seeds."
    columns = ("task", "sweep", "best", "IQM", "worst", "IQM", "runs")
    return Section(
        [
            _effects(sweeps.effects),
            Table(
                "sweeps",
                "Best and worst points",
                columns,
                [("", rows)],
                (3, 5, 6),
                units=("", "", "", "return", "", "return", ""),
            ),
            Paragraph(chosen, quiet=True),
        ]
    )


def _effects(effects: Sequence[Effect]) -> Table:
    groups: dict[str, list[tuple[str, ...]]] = {}
    for effect in effects:
        groups.setdefault(f"{effect.environment}: {effect.algorithm}, {effect.parameter}", []).append(
            (
                as_text(effect.value),
                number(effect.iqm),
                interval(effect.low, effect.high),
                f"{effect.n_valid}/{effect.n}",
                str(effect.points),
            )
        )
    note = (
        "IQM over the runs of all points of the sweep that have the value; all points weigh the same. 95 % percentile"
        " bootstrap over runs within points."
    )
    header = ("value", "IQM", "95 % interval", "n", "points")
    units = ("", "return", "return", "runs", "")
    return Table("sensitivity", "Sensitivity", header, list(groups.items()), (1, 2, 3, 4), note=note, units=units)
