"""`rlbench table --sensitivity`: how the scores of a suite's sweeps depend on their hyperparameters."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from rlbench.api import NothingToCompare
from rlbench.cli.missing_runs import describe_damaged
from rlbench.cli.text_table import fitted, plain, write_out
from rlbench.text import fixed, fixed_interval, plural

if TYPE_CHECKING:
    from rlbench.analysis import Results
    from rlbench.analysis.sensitivity import Effect, Extremes

SCHEMA_VERSION = 1
LEVEL = 0.95
HEADER = ("task", "algorithm", "parameter", "value", "IQM", "95 % interval", "n", "points")


def print_sensitivity(results: Results, as_json: bool = False) -> None:
    """Write the sensitivity table to stdout. Raises: NothingToCompare if the suite has no sweep."""
    sweeps, name = results.sweeps, results.name
    if not sweeps.extremes:
        raise NothingToCompare(
            f"the suite in {results.folder} sweeps no hyperparameter; add "
            "`sweep: {learning_rate: [1e-3, 3e-4]}` to an algorithm"
        )
    if as_json:
        document = {
            "schema_version": SCHEMA_VERSION,
            "suite": name,
            "level": LEVEL,
            "effects": [asdict(effect) for effect in sweeps.effects],
            "extremes": [asdict(extremes) for extremes in sweeps.extremes],
            "corrupt": describe_damaged(results.rows),
        }
        write_out(json.dumps(document, indent=1, sort_keys=True) + "\n")
        return
    text = f"{plain(name)}: mean return of the final policies at each value\n"
    text += "(IQM over the runs of all points with that value)\n\n"
    text += fitted(HEADER, [_row(effect) for effect in sweeps.effects], numbers=(4, 5, 6, 7)) + "\n"
    text += "".join(_extremes_line(extremes) for extremes in sweeps.extremes)
    text += "the best point was chosen by these scores, so they overestimate it: run it again on other seeds\n"
    write_out(text)


def _row(effect: Effect) -> tuple[str, ...]:
    from rlbench.suites.sweeps import format_value

    interval = fixed_interval(effect.low, effect.high, 1)
    names = (effect.environment, effect.algorithm, effect.parameter, format_value(effect.value))
    count = f"{effect.n_valid}/{effect.n}"
    return (*map(plain, names), fixed(effect.iqm, 1), interval, count, str(effect.points))


def _extremes_line(extremes: Extremes) -> str:
    where = f"{plain(extremes.algorithm)} on {plain(extremes.environment)}"
    if extremes.best is None or extremes.worst is None:
        return f"{where}: no run has a score yet\n"
    best, worst = plain(extremes.best), plain(extremes.worst)
    cost = f"{plural(extremes.points, 'point')}, {plural(extremes.trials, 'run')}, {extremes.steps:,} environment steps"
    best = f"best {best} ({fixed(extremes.best_iqm, 1)}, {extremes.note})"
    worst = f"worst {worst} ({fixed(extremes.worst_iqm, 1)})"
    return f"{where}: {best}, {worst}; {cost}\n"
