"""`rlbench check`: what `run` would do, without doing it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from rlbench.cli.columns import fitted, plain, write_out
from rlbench.cli.opening import open_plugins, output_option, plugin_option, result_folder
from rlbench.cli.talk import plural


@click.command()
@click.argument("suite")
@output_option
@plugin_option
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of a table.")
def check(suite: str, output: Path | None, plugin_files: Sequence[str], as_json: bool) -> None:
    """Check SUITE and show every group of runs, what has become of it, and which pairs are skipped. Runs nothing."""
    from rlbench.results import Store
    from rlbench.suites import find_suite, load_suite, plan

    loaded = load_suite(find_suite(suite))
    planned = plan(loaded, open_plugins(plugin_files))
    store = Store(result_folder(output, loaded.name))
    states = store.states([run for group in planned.groups for run in group.runs])
    rows: list[dict[str, Any]] = []
    for group in planned.groups:
        counts = Counter(str(states[run.key].status) for run in group.runs)
        rows.append(
            {
                "algorithm": group.label,
                "task": group.task.env_id,
                "steps": group.task.steps,
                "seeds": len(group.seeds),
                "state": dict(sorted(counts.items())),
            }
        )
    skipped = [{"algorithm": skip.algorithm, "task": skip.env_id, "reason": skip.reason} for skip in planned.skipped]
    if as_json:
        write_out(
            json.dumps({"suite": loaded.name, "folder": str(store.root), "groups": rows, "skipped": skipped}, indent=1)
            + "\n"
        )
        return
    runs = sum(len(group.seeds) for group in planned.groups)
    steps = sum(len(group.seeds) * group.task.steps for group in planned.groups)
    write_out(f"{loaded.name}: {plural(runs, 'run')}, {steps:,} environment steps, results in {store.root}\n\n")
    shown = [
        [
            plain(r["algorithm"]),
            plain(r["task"]),
            f"{r['steps']:,}",
            str(r["seeds"]),
            ", ".join(f"{n} {s}" for s, n in r["state"].items()),
        ]
        for r in rows
    ]
    write_out(
        fitted(["algorithm", "task", "steps", "seeds", "state"], shown, numbers=(2, 3)) if shown else "nothing to run\n"
    )
    for entry in skipped:
        write_out(f"skipped: {plain(entry['algorithm'])} on {plain(entry['task'])}: {entry['reason']}\n")
