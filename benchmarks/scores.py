"""Compare scores on classic control with their thresholds, as a Markdown table.

    .venv/bin/rlbench run suites/classic-full.yaml -s 3
    .venv/bin/python benchmarks/scores.py [results/classic-full] [--write docs/scores.md]

With --write, the folder's cells replace those of the page, which keeps its other cells; each row names the commit that
was measured. The READMEs of plugins show the page's rows of their own algorithm. In the folder `final` of a search
(`rlbench tune`), the tuned settings are the cells.

The measured figure is the IQM over runs of the mean return of the final policy, with a 95 % bootstrap interval if there
are at least three runs. must, goal: thresholds for ten runs. Cells without thresholds are run only for comparison.
"""

from __future__ import annotations

import argparse
import functools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rlbench.analysis import Results
from rlbench.analysis.score_cells import Cell
from rlbench.api import Run

DQN_FAMILY = ("dqn", "double_dqn", "dueling_dqn", "per_dqn")
OFF_POLICY = ("ddpg", "td3", "sac")
MUST_AND_GOAL: dict[tuple[str, str], tuple[float, float | None]] = {
    **{("CartPole-v1", name): (450, 500) for name in DQN_FAMILY},
    ("CartPole-v1", "ppo"): (490, 500),
    ("CartPole-v1", "a2c"): (475, 500),
    ("CartPole-v1", "a3c"): (450, 490),
    ("CartPole-v1", "reinforce"): (400, 475),
    **{("Acrobot-v1", name): (-90, -77) for name in DQN_FAMILY},
    ("Acrobot-v1", "ppo"): (-90, -81),
    ("Acrobot-v1", "a2c"): (-95, -83),
    ("Acrobot-v1", "a3c"): (-100, None),
    **{("MountainCar-v0", name): (-125, -105) for name in DQN_FAMILY},
    **{("Pendulum-v1", name): (-165, -152) for name in OFF_POLICY},
    ("Pendulum-v1", "ppo"): (-250, -172),
    **{("MountainCarContinuous-v0", name): (85, 93) for name in OFF_POLICY},
}
HEADER = (
    "task",
    "algorithm",
    "steps",
    "must",
    "goal",
    "measured",
    "95 % interval",
    "n",
    "",
    "hyperparameters",
    "commit",
)
TASKS = ("CartPole-v1", "Acrobot-v1", "MountainCar-v0", "Pendulum-v1", "MountainCarContinuous-v0")
SHOWN = ("task", "steps", "measured", "95 % interval", "n", "commit")  # in a plugin's README
TUNED = " tuned"
PLUGINS = Path(__file__).resolve().parents[1] / "plugins"
Row = tuple[str, ...]


def rows(results: Results) -> Iterator[Row]:
    """Yield a row for each cell with finished runs; if there are tuned settings, only for theirs."""
    names = named([cell.algorithm for cell in results.cells])
    for cell in results.cells:
        if not cell.n_valid or cell.algorithm not in names:
            continue
        name = names[cell.algorithm]
        chosen = results.rows_of(cell)
        must, goal = MUST_AND_GOAL.get((cell.environment, name), (None, None))
        yield (
            cell.environment,
            name,
            f"{cell.budget:,}",
            _number(must),
            _number(goal),
            _number(cell.iqm),
            "" if cell.low is None else f"{cell.low:z.1f} to {cell.high:z.1f}",
            f"{cell.n_valid}/{cell.n}",
            _verdict(cell, must, goal),
            _differing(results.run_by_key[chosen["key"].iloc[0]]),
            _commit([results.states[key].result.get("git_commit") for key in chosen["key"]]),
        )


def named(labels: Sequence[str]) -> dict[str, str]:
    """Return the algorithm of each label whose cells are rows: of "dqn tuned" if there is one, else of all labels."""
    return {label: label.removesuffix(TUNED) for label in labels if label.endswith(TUNED)} or dict(zip(labels, labels))


def _verdict(cell: Cell, must: float | None, goal: float | None) -> str:
    if must is None or cell.iqm is None:
        return ""
    if cell.iqm < must:
        return f"**short by {must - cell.iqm:.1f}**"
    return "goal" if goal is not None and cell.iqm >= goal else "must"


def _commit(commits: Sequence[str | None]) -> str:
    """Return the commit that produced the runs, or all of several commits."""
    return ", ".join(dict.fromkeys(f"`{name[:7]}`" for name in commits if name))


def merged(old: Sequence[Row], new: Sequence[Row]) -> list[Row]:
    """Return the page's rows with the new ones in place of their cells, by task and algorithm in the suite's order."""
    cells = {row[:2]: row for row in [*old, *new]}
    names = list(dict.fromkeys(name for _, name in cells))
    return sorted(cells.values(), key=lambda row: (TASKS.index(row[0]), names.index(row[1])))


def _table(rows: Sequence[Row], header: Row = HEADER) -> str:
    numbers = ("steps", "must", "goal", "measured")
    lines = [header, tuple("--:" if name in numbers else "--" for name in header), *rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in lines)


def _between(path: Path, name: str, table: str | None = None) -> str:
    """Return the text between a file's markers; replace it if a table is given."""
    before, rest = path.read_text().split(f"<!-- {name} -->\n", 1)
    inside, after = rest.split(f"<!-- end of {name} -->", 1)
    if table is not None:
        path.write_text(f"{before}<!-- {name} -->\n{table}\n<!-- end of {name} -->{after}")
    return inside


def write(page: Path, measured: Sequence[Row]) -> None:
    """Put the rows into the page, and the page's rows into the plugins' READMEs."""
    old = [tuple(cell.strip() for cell in line.split("|")[1:-1]) for line in _between(page, "table").splitlines()[2:]]
    whole = merged([(*row, "")[: len(HEADER)] for row in old], measured)
    _between(page, "table", _table(whole))
    columns = [HEADER.index(name) for name in SHOWN]
    for name in dict.fromkeys(row[1] for row in whole):
        own = [tuple(row[i] for i in columns) for row in whole if row[1] == name]
        _between(PLUGINS / f"rlbench_{name}" / "README.md", "scores", _table(own, SHOWN))


def _differing(run: Run) -> str:
    """Return the hyperparameters that differ from the algorithm's defaults."""
    defaults = _defaults(run.algorithm)
    return (
        ", ".join(f"{name} {_value(v)}" for name, v in run.config.items() if v != defaults.get(name, v)) or "defaults"
    )


@functools.cache
def _defaults(algorithm: str) -> Mapping[str, Any]:
    from rlbench.api import PluginError
    from rlbench.plugins import load_plugins, resolve

    (resolved,) = resolve(load_plugins(), [(algorithm, {})])
    if isinstance(resolved, PluginError):
        raise resolved
    return resolved.config


def _value(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return "-".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:z.1f}".removesuffix(".0")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", default="results/classic-full", type=Path)
    parser.add_argument("--write", type=Path, help="replace the table of this page")
    given = parser.parse_args()
    cells = list(rows(Results(given.folder)))
    if given.write is None:
        print(_table(cells))
    else:
        write(given.write, cells)


if __name__ == "__main__":
    main()
