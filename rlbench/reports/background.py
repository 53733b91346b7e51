"""Sections on the background of the scores: protocol, hyperparameters, code, machines, and how to reproduce them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

from rlbench.analysis import Results
from rlbench.api import canonical
from rlbench.api.sections import Code, Folded, Paragraph, Section, Table
from rlbench.reports.style import as_text, in_words
from rlbench.text import ranges


def protocol_section(results: Results) -> Section | None:
    return Section([Paragraph(seeds(results)), protocol(results)]) if len(results.table) else None


def parameters_section(results: Results) -> Section | None:
    tables = parameters(results)
    if not tables:
        return None
    note = Paragraph("The suite’s values, and defaults for all other hyperparameters.", quiet=True)
    return Section([note, *(Folded(algorithm, [table]) for algorithm, table in tables)])


def provenance_section(results: Results) -> Section:
    table, made_by = provenance(results), results.document.get("rlbench", "")
    first = f"Planned by rlbench {made_by}." + ("" if table.groups else " No run has been published yet.")
    return Section([Paragraph(first), *([table] if table.groups else [])])


def reproduce_section(results: Results) -> Section:
    """Return how to run the suite again."""
    name = results.suite["name"]
    commands = f"rlbench run {name}.yaml -o results/{name}\nrlbench report results/{name}"
    return Section(
        [
            Paragraph(f"With the versions above, save the suite below as {name}.yaml and run"),
            Code(commands),
            Paragraph("Algorithms from a file need --plugin FILE as well.", quiet=True),
            Folded(f"{name}.yaml", [Code(as_yaml(results.suite))]),
        ]
    )


def protocol(results: Results) -> Table:
    tasks = {run.task.name: run.task for run in results.run_by_key.values()}
    cells: dict[str, dict[int, list[str]]] = {}  # algorithms by task and budget
    for cell in results.cells:
        cells.setdefault(cell.environment, {}).setdefault(cell.budget, []).append(cell.algorithm)
    rows = []
    for task in tasks.values():
        budgets = cells[task.name]
        steps = "; ".join(f"{n:,}" + (f" ({', '.join(who)})" if len(budgets) > 1 else "") for n, who in budgets.items())
        evaluation = task.evaluation
        wrappers = [f"{w.name} {in_words(w.kwargs)}".rstrip() for w in task.wrappers]
        options = [f"reset options {in_words(task.reset_options)}"] if task.reset_options else []
        arguments = [in_words(task.kwargs)] if task.kwargs else []
        staged = [f"curriculum {in_words(json.loads(canonical(task.curriculum)))}"] if task.curriculum else []
        details = [task.backend, *([task.env_id] if task.label else []), *arguments, *options, *wrappers, *staged]
        grid = ("–", "–") if not evaluation.every else (f"{evaluation.every:,}", f"{evaluation.episodes:,}")
        rows.append((task.name, steps, *grid, f"{evaluation.final_episodes:,}", evaluation.policy, "; ".join(details)))
    header = ("task", "steps", "evaluated every", "episodes", "final episodes", "policy", "environment")
    note = "Steps are environment steps (agent decisions) of each run."
    units = ("", "", "steps", "", "", "", "")
    return Table("protocol", "Protocol", header, [("", rows)], (1, 2, 3, 4), note=note, units=units)


def seeds(results: Results) -> str:
    runs = results.run_by_key.values()
    spaces, precisions = (", ".join(sorted({getattr(r, f) for r in runs})) for f in ("seed_space", "precision"))
    return (
        f"Seeds {ranges(run.seed for run in runs)} of the {spaces} space; {precisions}. Every algorithm and run of a"
        " task is evaluated on the same episodes, in separate environments, with the training clock stopped. Scores"
        " are those of the final policy."
    )


def parameters(results: Results) -> list[tuple[str, Table]]:
    """Return a table of hyperparameters for each algorithm. Tasks with the same hyperparameters share a group."""
    tables: list[tuple[str, Table]] = []
    for (label, name), rows in results.table.groupby(["algorithm", "id"], sort=False):
        configs: dict[str, list[str]] = {}
        for task, same in rows.groupby("environment", sort=False):
            config = results.run_by_key[same["key"].iloc[0]].config
            configs.setdefault(json.dumps(config, ensure_ascii=False), []).append(str(task))
        groups = [
            (", ".join(tasks), [(key, as_text(value)) for key, value in json.loads(config).items()] or [("none", "")])
            for config, tasks in configs.items()
        ]
        title = str(label) if label == name else f"{label} ({name})"
        table = Table(
            f"hyperparameters-{len(tables) + 1}", f"Hyperparameters of {title}", ("parameter", "value"), groups
        )
        tables.append((title, table))
    return tables


def provenance(results: Results) -> Table:
    """Return each distinct value of the recorded provenance, with its number of runs and its algorithms."""
    groups = []
    for field in ("versions", "environment_backend", "git_commit", "code", "numerics", "hardware"):
        counts: Counter[str] = Counter()
        algorithms: dict[str, list[str]] = {}
        for name, key in zip(results.table["id"], results.table["key"]):
            value = results.published[key].result.get(field) if key in results.published else None
            if value is not None:
                text = json.dumps(value, ensure_ascii=False)
                counts[text] += 1
                algorithms.setdefault(text, []).append(name)
        rows = [(in_words(json.loads(t)), ", ".join(dict.fromkeys(algorithms[t])), str(n)) for t, n in counts.items()]
        groups.append((f"{field.replace('_', ' ')}: {len(rows)} distinct", rows))
    filled_groups = [group for group in groups if group[1]]
    return Table("provenance", "Provenance", ("value", "algorithms", "runs"), filled_groups, (2,))


def circumstances(results: Results) -> dict[tuple[str, str], str]:
    """Return the values that results may depend on, as text, by kind and name.

    If the runs have different values, the text lists all of them.
    """
    values_by_name: dict[tuple[str, str], list[str]] = {}
    for key, run in results.run_by_key.items():
        label = run.label or run.algorithm
        for name, value in run.config.items():
            values_by_name.setdefault(("hyperparameters", f"{label}: {name}"), []).append(as_text(value))
        task = run.task
        protocol = {"steps": task.steps, "backend": task.backend, "environment": task.kwargs}
        protocol |= {"reset_options": task.reset_options} if task.reset_options else {}
        protocol |= {"curriculum": json.loads(canonical(task.curriculum))} if task.curriculum else {}
        protocol |= json.loads(canonical(task.evaluation))
        for name, value in protocol.items():
            values_by_name.setdefault(("protocol", f"{task.name}: {name.replace('_', ' ')}"), []).append(as_text(value))
        result = results.published[key].result if key in results.published else {}
        for what in ("versions", "numerics", "hardware"):
            for name, value in result.get(what, {}).items():
                values_by_name.setdefault((what, name.replace("_", " ")), []).append(as_text(value))
        for name, value in result.get("code", {}).items():
            values_by_name.setdefault(("code", f"{label}: {name.replace('_', ' ')}"), []).append(as_text(value))
        if "git_commit" in result:
            values_by_name.setdefault(("code", "git commit"), []).append(as_text(result["git_commit"]))
    return {key: "; ".join(sorted(set(values))) for key, values in values_by_name.items()}


def as_yaml(suite: Mapping[str, Any]) -> str:
    """Return YAML that loads as an equal suite, one line for each entry. Values are JSON, which is valid YAML."""
    lines = []
    for key, value in suite.items():
        listed = isinstance(value, list) and any(isinstance(entry, dict) for entry in value)
        lines += [f"{key}:", *(f"  - {_json(entry)}" for entry in value)] if listed else [f"{key}: {_json(value)}"]
    return "\n".join(lines)


def _json(value: Any) -> str:
    """Return JSON in which only unprintable characters are escaped."""
    text = json.dumps(value, ensure_ascii=False)
    return "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in text)
