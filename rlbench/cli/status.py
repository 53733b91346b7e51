"""`rlbench status`: what has become of the runs in a result folder."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import click

from rlbench.cli.columns import fitted, plain, write_out
from rlbench.cli.talk import plural


@click.command()
@click.argument("directory", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of a table.")
def status(directory: Path, as_json: bool) -> None:
    """Show how far the runs in DIRECTORY are. Works while the suite runs."""
    from rlbench.results import Store

    store = Store(directory)
    runs = store.runs()
    states = store.states(runs)
    counts = Counter(str(state.status) for state in states.values())
    rows = [
        {
            "algorithm": run.label or run.algorithm,
            "task": run.task.env_id,
            "seed": run.seed,
            "status": str(states[run.key].status),
            "step": states[run.key].result.get("steps") or store.step_reached(states[run.key].attempt, run.seed),
            "steps": run.task.steps,
            "message": states[run.key].message,
        }
        for run in runs
    ]
    if as_json:
        write_out(
            json.dumps({"suite": store.suite()["suite"]["name"], "counts": dict(counts), "runs": rows}, indent=1) + "\n"
        )
        return
    write_out(
        f"{store.suite()['suite']['name']}: {plural(len(runs), 'run')}: {', '.join(f'{n} {s}' for s, n in counts.items())}\n\n"
    )
    shown = [
        [
            plain(str(r["algorithm"])),
            plain(str(r["task"])),
            str(r["seed"]),
            str(r["status"]),
            f"{r['step']}/{r['steps']}",
            plain(str(r["message"])),
        ]
        for r in rows
    ]
    write_out(fitted(["algorithm", "task", "seed", "status", "step", ""], shown, numbers=(2, 4)))
