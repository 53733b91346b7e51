"""What stands behind the scores: what they cost, the protocol, hyperparameters, code and machines."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from rlbench.api import RunStatus
from rlbench.reports.readings import Readings, Table, rows_of
from rlbench.reports.style import as_text, in_words, number, ranges


def costs(readings: Readings) -> Table:
    """Medians over the runs that are done; one that diverged stood still while its group's clock ran on."""
    groups: dict[str, list[tuple[str, ...]]] = {}
    for cell in readings.cells:
        rows = rows_of(readings, cell)
        results = readings.of(rows[rows["status"] == RunStatus.DONE])
        if not results:
            continue
        stacks = [r["stack_size"] for r in results if "stack_size" in r]
        speed, memory = _median(map(_speed, results)), _median(r.get("group_peak_memory_bytes") for r in results)
        groups.setdefault(cell.environment, []).append(
            (
                cell.algorithm,
                "–" if speed is None else f"{speed:,.0f}",
                number(_median(r.get("wall_seconds") for r in results), 1),
                number(_median(r.get("cpu_seconds") for r in results), 1),
                "–" if memory is None else f"{memory / 2**20:,.0f}",
                ranges(stacks) or "–",
                str(len(results)),
            )
        )
    header = ("algorithm", "steps/s", "wall s", "CPU s per run", "peak MiB", "stack", "runs")
    return Table(header, list(groups.items()), numbers=(1, 2, 3, 4, 5, 6), marked=True)


def _speed(result: Mapping[str, Any]) -> float | None:
    """Environment steps of the whole group per second."""
    seconds = result.get("group_wall_seconds")
    return result["steps"] * result.get("stack_size", 1) / seconds if seconds else None


def _median(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.median(known)) if known else None


def protocol(readings: Readings) -> Table:
    tasks = {run.task.env_id: run.task for run in readings.asked.values()}
    cells: dict[str, dict[int, list[str]]] = {}  # who is given how many steps
    for cell in readings.cells:
        cells.setdefault(cell.environment, {}).setdefault(cell.budget, []).append(cell.algorithm)
    rows = []
    for task in tasks.values():
        given = cells[task.env_id]
        steps = "; ".join(f"{n:,}" + (f" ({', '.join(who)})" if len(given) > 1 else "") for n, who in given.items())
        own = task.evaluation
        wrappers = [f"{w.name} {in_words(w.kwargs)}".rstrip() for w in task.wrappers]
        details = [task.backend, *([in_words(task.kwargs)] if task.kwargs else []), *wrappers]
        grid = ("–", "–") if not own.every else (f"{own.every:,}", f"{own.episodes:,}")
        rows.append((task.env_id, steps, *grid, f"{own.final_episodes:,}", own.policy, "; ".join(details)))
    header = ("task", "steps", "evaluated every", "episodes", "final episodes", "policy", "environment")
    return Table(header, [("", rows)], numbers=(1, 2, 3, 4))


def seeds(readings: Readings) -> str:
    runs = readings.asked.values()
    spaces, precisions = (", ".join(sorted({getattr(r, f) for r in runs})) for f in ("seed_space", "precision"))
    return f"Seeds {ranges(run.seed for run in runs)} of the {spaces} space; {precisions}."


def parameters(readings: Readings) -> list[tuple[str, Table]]:
    """For each algorithm its hyperparameters; tasks on which they are the same share a group."""
    found = []
    for (label, name), rows in readings.runs.groupby(["algorithm", "id"], sort=False):
        configs: dict[str, list[str]] = {}
        for task, same in rows.groupby("environment", sort=False):
            config = readings.asked[same["key"].iloc[0]].config
            configs.setdefault(json.dumps(config, ensure_ascii=False), []).append(str(task))
        groups = [
            (", ".join(tasks), [(key, as_text(value)) for key, value in json.loads(config).items()] or [("none", "")])
            for config, tasks in configs.items()
        ]
        found.append((label if label == name else f"{label} ({name})", Table(("parameter", "value"), groups)))
    return found


def provenance(readings: Readings) -> Table:
    """What stands in the results beside the scores: each distinct value, in how many runs, and of which algorithms."""
    groups = []
    for what in ("versions", "environment_backend", "git_commit", "code", "numerics", "hardware"):
        counts: Counter[str] = Counter()
        algorithms: dict[str, list[str]] = {}
        for name, key in zip(readings.runs["id"], readings.runs["key"]):
            stated = readings.states[key].result.get(what) if key in readings.states else None
            if stated is not None:
                text = json.dumps(stated, ensure_ascii=False)
                counts[text] += 1
                algorithms.setdefault(text, []).append(name)
        rows = [(in_words(json.loads(t)), ", ".join(dict.fromkeys(algorithms[t])), str(n)) for t, n in counts.items()]
        groups.append((f"{what.replace('_', ' ')}: {len(rows)} distinct", rows))
    return Table(("value", "algorithms", "runs"), [group for group in groups if group[1]], numbers=(2,))


def as_yaml(suite: Mapping[str, Any]) -> str:
    """The suite as YAML that reads back equal, one line an entry; values are JSON, which YAML contains."""
    lines = []
    for key, value in suite.items():
        listed = isinstance(value, list) and any(isinstance(entry, dict) for entry in value)
        lines += [f"{key}:", *(f"  - {_json(entry)}" for entry in value)] if listed else [f"{key}: {_json(value)}"]
    return "\n".join(lines)


def _json(value: Any) -> str:
    """JSON in which only characters that cannot be shown are escaped."""
    text = json.dumps(value, ensure_ascii=False)
    return "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in text)
