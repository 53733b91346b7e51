"""`rlbench table --sensitivity`: what the sweeps of a suite say of their hyperparameters."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from rlbench.api import NothingToCompare
from rlbench.cli.missing_runs import corrupt_runs
from rlbench.cli.progress.lines import plural
from rlbench.cli.text_table import fitted, plain, write_out

if TYPE_CHECKING:
    import pandas as pd

    from rlbench.analysis.sensitivity import Effect, Extremes
    from rlbench.results import Store

SCHEMA_VERSION = 1
LEVEL = 0.95
HEADER = ("task", "algorithm", "parameter", "value", "IQM", "95 % interval", "n", "points")


def print_sensitivity(store: Store, as_json: bool = False) -> pd.DataFrame:
    """Write the sensitivity table to stdout. Returns: the runs behind it, one a row.

    Raises: NothingToCompare where the suite sweeps nothing.
    """
    from rlbench.analysis.sensitivity import sensitivity
    from rlbench.results.run_table import run_table

    runs = run_table(store)
    found = sensitivity(store, runs)
    name = store.suite()["suite"]["name"]
    if not found.extremes:
        raise NothingToCompare(
            f"{store.root}: its suite sweeps no hyperparameter; give an algorithm `sweep: {{lr: [1e-3, 3e-4]}}`"
        )
    if as_json:
        document = {
            "schema_version": SCHEMA_VERSION,
            "suite": name,
            "level": LEVEL,
            "effects": [asdict(effect) for effect in found.effects],
            "extremes": [asdict(extremes) for extremes in found.extremes],
            "corrupt": corrupt_runs(runs),
        }
        write_out(json.dumps(document, indent=1, sort_keys=True) + "\n")
        return runs
    text = f"{plain(name)}: mean return of the final policies at each value, IQM over the runs of all points that have it\n\n"
    text += fitted(HEADER, [_row(effect) for effect in found.effects], numbers=(4, 5, 6, 7)) + "\n"
    text += "".join(_said(extremes) for extremes in found.extremes)
    text += "the best point is chosen on its own seeds, so its score flatters it: run it alone on other seeds\n"
    write_out(text)
    return runs


def _row(effect: Effect) -> tuple[str, ...]:
    from rlbench.suites.sweeps import shown

    interval = "–" if effect.low is None or effect.high is None else f"[{effect.low:.1f}, {effect.high:.1f}]"
    names = (effect.environment, effect.algorithm, effect.parameter, shown(effect.value))
    count = f"{effect.n_valid}/{effect.n}"
    return (*map(plain, names), _number(effect.iqm), interval, count, str(effect.points))


def _said(found: Extremes) -> str:
    where = f"{plain(found.algorithm)} on {plain(found.environment)}"
    if found.best is None or found.worst is None:
        return f"{where}: no run has a score yet\n"
    best, worst = plain(found.best), plain(found.worst)
    cost = f"{plural(found.points, 'point')}, {plural(found.trials, 'run')}, {found.steps:,} environment steps"
    return (
        f"{where}: best {best} ({_number(found.best_iqm)}, {found.note}), worst {worst} ({_number(found.worst_iqm)});"
        f" {cost}\n"
    )


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f}"
