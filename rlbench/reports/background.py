"""What stands behind the scores: the protocol, hyperparameters, code, machines, and how to do it again."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

from rlbench.api.sections import Code, Folded, Paragraph, Section, Table
from rlbench.reports.report_data import Readings
from rlbench.reports.style import as_text, in_words, ranges


def protocol_section(readings: Readings) -> Section | None:
    return Section([Paragraph(seeds(readings)), protocol(readings)]) if len(readings.runs) else None


def parameters_section(readings: Readings) -> Section | None:
    found = parameters(readings)
    if not found:
        return None
    note = Paragraph("As they were resolved: what the suite says, and defaults for the rest.", quiet=True)
    return Section([note, *(Folded(algorithm, [table]) for algorithm, table in found)])


def provenance_section(readings: Readings) -> Section:
    table, made_by = provenance(readings), readings.suite.get("rlbench", "")
    first = f"Planned by rlbench {made_by}." + ("" if table.groups else " No run has been published yet.")
    return Section([Paragraph(first), *([table] if table.groups else [])])


def reproduce_section(readings: Readings) -> Section:
    """How the suite is run again."""
    name = readings.suite["suite"]["name"]
    commands = f"rlbench run {name}.yaml -o results/{name}\nrlbench report results/{name}"
    return Section(
        [
            Paragraph(f"With the versions above, save the suite below as {name}.yaml and run"),
            Code(commands),
            Paragraph("Algorithms from a file need --plugin FILE as well.", quiet=True),
            Folded(f"{name}.yaml", [Code(as_yaml(readings.suite["suite"]))]),
        ]
    )


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
    note = "Steps are environment steps (agent decisions) of each run."
    return Table("protocol", "Protocol", header, [("", rows)], (1, 2, 3, 4), note=note)


def seeds(readings: Readings) -> str:
    runs = readings.asked.values()
    spaces, precisions = (", ".join(sorted({getattr(r, f) for r in runs})) for f in ("seed_space", "precision"))
    return (
        f"Seeds {ranges(run.seed for run in runs)} of the {spaces} space; {precisions}. Every algorithm and run of a task is"
        " evaluated on the same episodes, in environments of their own, with the training clock stopped; the headline is the"
        " final policy."
    )


def parameters(readings: Readings) -> list[tuple[str, Table]]:
    """For each algorithm its hyperparameters; tasks on which they are the same share a group."""
    found: list[tuple[str, Table]] = []
    for (label, name), rows in readings.runs.groupby(["algorithm", "id"], sort=False):
        configs: dict[str, list[str]] = {}
        for task, same in rows.groupby("environment", sort=False):
            config = readings.asked[same["key"].iloc[0]].config
            configs.setdefault(json.dumps(config, ensure_ascii=False), []).append(str(task))
        groups = [
            (", ".join(tasks), [(key, as_text(value)) for key, value in json.loads(config).items()] or [("none", "")])
            for config, tasks in configs.items()
        ]
        title = str(label) if label == name else f"{label} ({name})"
        table = Table(
            f"hyperparameters-{len(found) + 1}", f"Hyperparameters of {title}", ("parameter", "value"), groups
        )
        found.append((title, table))
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
    found = [group for group in groups if group[1]]
    return Table("provenance", "Provenance", ("value", "algorithms", "runs"), found, (2,))


def circumstances(readings: Readings) -> dict[tuple[str, str], str]:
    """What results may depend on, by kind and name, in words; where runs differ all values."""
    found: dict[tuple[str, str], list[str]] = {}
    for key, run in readings.asked.items():
        label = run.label or run.algorithm
        for name, value in run.config.items():
            found.setdefault(("hyperparameters", f"{label}: {name}"), []).append(as_text(value))
        task = run.task
        protocol = {"steps": task.steps, "backend": task.backend, "environment": task.kwargs, **vars(task.evaluation)}
        for name, value in protocol.items():
            found.setdefault(("protocol", f"{task.env_id}: {name.replace('_', ' ')}"), []).append(as_text(value))
        result = readings.states[key].result if key in readings.states else {}
        for what in ("versions", "numerics", "hardware"):
            for name, value in result.get(what, {}).items():
                found.setdefault((what, name.replace("_", " ")), []).append(as_text(value))
        for name, value in result.get("code", {}).items():
            found.setdefault(("code", f"{label}: {name.replace('_', ' ')}"), []).append(as_text(value))
        if "git_commit" in result:
            found.setdefault(("code", "git commit"), []).append(as_text(result["git_commit"]))
    return {key: "; ".join(sorted(set(values))) for key, values in found.items()}


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
