"""Scores and learning curves as the arrays that rliable takes: for each algorithm [runs, tasks], in npz files."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rlbench.analysis import Results
from rlbench.api import NothingToCompare, StoreError
from rlbench.exporters.run_history import Progress
from rlbench.messages import quoted

Numbers = NDArray[np.float64]
AXES, README = "axes.json", "README.md"
_LONGEST_NAME = 60_000  # bytes; a zip archive allows 65,535 for a member's name
_TEXT = """# Scores of `{name}` for rliable

| file | arrays, by algorithm |
|---|---|
| `scores.npz` | mean return of the final policy [runs, tasks] |
| `curves.npz` | mean return of the evaluations during training [runs, tasks, checkpoints] |
| `normalised_scores.npz`, `normalised_curves.npz` | the same, normalised between anchors; only tasks with anchors |
| `axes.json` | the tasks, the seed of each row, the checkpoints, the anchors |

```python
import json

import numpy as np

scores = dict(np.load("normalised_scores.npz"))
tasks = json.load(open("axes.json"))["normalised_tasks"]
```

rliable's `library.get_interval_estimates(scores, metrics.aggregate_iqm)` takes `scores` as it is.

{notes}"""


class _Axes(NamedTuple):
    """tasks: the tasks on which every algorithm has runs. seeds: by algorithm, the seeds with a score on all these
    tasks.

    notes: sentences on what was left out.
    """

    tasks: list[str]
    seeds: dict[str, list[int]]
    notes: list[str]


def write_rliable(results: Results, folder: Path, progress: Progress) -> Sequence[str]:
    """Write the arrays, a description of their axes, and how to load them. Returns: notes on what was left out.

    rliable needs a full array, so a task that an algorithm did not run on, and a seed without a score on one of the
    tasks, are left out. Raises: NothingToCompare if nothing is left.
    """
    axes = _axes(results)
    notes = list(axes.notes)
    scores = {name: _scores(results, name, axes) for name in axes.seeds}
    _write_arrays(folder / "scores.npz", scores)
    curves, steps = _curves(results, axes, notes)
    if curves:
        _write_arrays(folder / "curves.npz", curves)
    anchored = [task for task in axes.tasks if task in results.anchors]
    if anchored:
        columns = [axes.tasks.index(task) for task in anchored]
        for name, arrays in (("scores", scores), ("curves", curves)):
            if arrays:
                scaled = {algorithm: _normalised(results, anchored, a[:, columns]) for algorithm, a in arrays.items()}
                _write_arrays(folder / f"normalised_{name}.npz", scaled)
    if unanchored := [task for task in axes.tasks if task not in anchored]:
        notes.append(f"left out of the normalised files, because they have no anchors: {', '.join(unanchored)}")
    document = {
        "suite": results.name,
        "tasks": axes.tasks,
        "normalised_tasks": anchored,
        "seeds": axes.seeds,
        "checkpoints": steps,
        "anchors": {
            task: {"lower": results.anchors[task].lower, "upper": results.anchors[task].upper} for task in anchored
        },
    }
    (folder / AXES).write_text(json.dumps(document, indent=1) + "\n", "utf-8")
    text = _TEXT.format(name=results.name, notes="".join(f"- {note}\n" for note in notes))
    (folder / README).write_text(text.rstrip() + "\n", "utf-8")
    return notes


def _axes(results: Results) -> _Axes:
    samples = {place: sample for place, sample in results.final_scores.samples.items() if sample.n}
    labels = list(dict.fromkeys(label for label, _ in samples))
    every = list(dict.fromkeys(task for _, task in samples))
    tasks = [task for task in every if all((label, task) in samples for label in labels)]
    if not tasks:
        raise NothingToCompare("no task has runs of all algorithms, which rliable needs; select with -a and -e")
    notes = [f"left out, because not every algorithm ran there: {task}" for task in every if task not in tasks]
    seeds = {}
    for label in labels:
        by_task = [samples[label, task].seeds for task in tasks]
        seeds[label] = [seed for seed in by_task[0] if all(seed in others for others in by_task)]
        dropped = sorted({seed for others in by_task for seed in others} - set(seeds[label]))
        if not seeds[label]:
            raise NothingToCompare(f"no seed of {label} has a score on every task; select with -a and -e")
        if dropped:
            listed = ", ".join(map(str, dropped))
            notes.append(f"left out, because they have no score on some task: seeds {listed} of {label}")
    return _Axes(tasks, seeds, notes)


def _scores(results: Results, label: str, axes: _Axes) -> Numbers:
    """Return the scores of an algorithm [runs, tasks]."""
    columns = []
    for task in axes.tasks:
        sample = results.final_scores.samples[label, task]
        by_seed = dict(zip(sample.seeds, sample.scores.tolist()))
        columns.append([by_seed[seed] for seed in axes.seeds[label]])
    return np.array(columns, np.float64).T


def _curves(results: Results, axes: _Axes, notes: list[str]) -> tuple[dict[str, Numbers], dict[str, list[float]]]:
    """Return learning curves [runs, tasks, checkpoints] by algorithm, and the checkpoints in steps by task.

    If the evaluations of algorithms or tasks differ in number, curves are interpolated at equal shares of the budget.
    """
    steps_by_task: dict[str, list[float]] = {}
    cells = {(label, task): results.learning_curves[task, label] for label in axes.seeds for task in axes.tasks}
    count = min(len(curves.steps) for curves in cells.values())
    if count == 0:
        notes.append("no curves, because a task has no evaluations during training")
        return {}, {}
    for (_, task), curves in cells.items():
        steps_by_task.setdefault(task, curves.steps.tolist())
    is_equal = all(curves.steps.tolist() == steps_by_task[task] for (_, task), curves in cells.items()) and all(
        len(steps) == count for steps in steps_by_task.values()
    )
    if not is_equal:
        shares = np.arange(1, count + 1) / count
        steps_by_task = {task: (shares * curves.budget).tolist() for (_, task), curves in cells.items()}
        notes.append(f"evaluations differ in number, so curves are interpolated at {count} equal shares of the budget")
    arrays = {}
    for label, seeds in axes.seeds.items():
        array = np.full((len(seeds), len(axes.tasks), count), np.nan)
        for column, task in enumerate(axes.tasks):
            curves = cells[label, task]
            sample = results.final_scores.samples[label, task]
            keys = dict(zip(sample.seeds, sample.keys))
            for row, seed in enumerate(seeds):
                counted = curves.counted[curves.keys.index(keys[seed])]
                array[row, column] = counted if is_equal else _at(curves.steps, counted, shares * curves.budget)
        arrays[label] = array
    return arrays, steps_by_task


def _at(steps: Numbers, values: Numbers, points: Numbers) -> Numbers:
    has_value = np.isfinite(values)
    if not has_value.any():
        return np.full(len(points), np.nan)
    interpolated: Numbers = np.interp(points, steps[has_value], values[has_value])
    return interpolated


def _normalised(results: Results, tasks: Sequence[str], values: Numbers) -> Numbers:
    """Scale values [runs, tasks, …] between the anchors of their tasks."""
    ends = np.array([(results.anchors[task].lower, results.anchors[task].upper) for task in tasks])
    low, high = ends.T.reshape(2, len(tasks), *[1] * (values.ndim - 2))
    scaled: Numbers = (values - low) / (high - low)
    return scaled


def _write_arrays(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write an npz file, not with np.savez, because an algorithm may have the name of a parameter of np.savez."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            if len(name.encode()) > _LONGEST_NAME:
                raise StoreError(f"an algorithm's name is too long for an archive: {quoted(name)}; give it a label")
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                np.lib.format.write_array(file, array, allow_pickle=False)
