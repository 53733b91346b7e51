"""`rlbench status`: the progress of the runs in a result folder."""

from __future__ import annotations

import json
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rlbench.cli.common_options import folder_argument
from rlbench.cli.missing_runs import report_damaged
from rlbench.cli.progress.board import NARROW
from rlbench.cli.text_table import cut_to_fit, fitted, plain, write_out
from rlbench.text import plural

if TYPE_CHECKING:
    from rich.console import RenderableType

    from rlbench.analysis import Results

SECONDS_BETWEEN_UPDATES = 1.0
_STYLES = {"done": "green", "running": "cyan", "pending": "dim", "diverged": "yellow", "interrupted": "yellow"}


@click.command()
@folder_argument
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of a table.")
@click.option("--watch", is_flag=True, help="Update every second until no run is pending or running, or until Ctrl-C.")
def status(directory: Path, as_json: bool, watch: bool) -> int:
    """Show the status of each run in DIRECTORY (done, running, pending, failed, …), and its step.

    DIRECTORY is a result folder, or the name of one under results/; default: the newest results. The suite may be
    running. Exit code 1 if any run is damaged.
    """
    from rlbench.analysis import Results

    if watch and not as_json:
        _watch(directory)
        return 0
    results = Results(directory)
    rows = _rows(results, thorough=True)
    if as_json:
        counts = Counter(row["status"] for row in rows)
        write_out(json.dumps({"suite": results.name, "counts": dict(counts), "runs": rows}, indent=1) + "\n")
    else:
        write_out(_text(results, rows))
    return report_damaged(
        f"{row['algorithm']} on {row['task']}, seed {row['seed']}: {row['message']}"
        for row in rows
        if row["status"] == "corrupt"
    )


def _rows(results: Results, thorough: bool = False) -> list[dict[str, Any]]:
    """Return one row per run. thorough: also compare the files of published runs with their hashes."""
    from rlbench.api import RunStatus
    from rlbench.results import RunState
    from rlbench.results.attempt_progress import step_reached

    facts = results.facts if thorough else {}  # first, because it may read the states again
    damaged = {key: RunState(RunStatus.CORRUPT, fact.damaged) for key, fact in facts.items() if fact.damaged}
    states, attempts = {**results.states, **damaged}, results.store.root / "attempts"
    return [
        {
            "algorithm": run.label or run.algorithm,
            "task": run.task.name,
            "seed": run.seed,
            "status": str(states[run.key].status),
            "step": states[run.key].result.get("steps")
            or (step_reached(attempts / states[run.key].attempt, run.key) if states[run.key].attempt else 0),
            "steps": run.task.steps,
            "message": states[run.key].message,
        }
        for run in results.requested
    ]


def _headline(results: Results, rows: list[dict[str, Any]]) -> str:
    counts = Counter(row["status"] for row in rows)
    totals = ", ".join(f"{n} {s}" for s, n in counts.items())
    return f"{plain(results.name)}: {plural(len(rows), 'run')}: {totals}"


def _text(results: Results, rows: list[dict[str, Any]]) -> str:
    cells = [
        [
            plain(row["algorithm"]),
            plain(row["task"]),
            str(row["seed"]),
            row["status"],
            f"{row['step']}/{row['steps']}",
            plain(" ".join(row["message"].split())),
        ]
        for row in rows
    ]
    header = ["algorithm", "task", "seed", "status", "step", ""]
    cut = cut_to_fit(header, cells)
    table = fitted(header, cut, numbers=(2, 4))
    lines = ["`rlbench show RUN` has the whole message of a run"] if cut != cells else []
    lines += [*results.failed_pairs(), *_queue(results)]
    return f"{_headline(results, rows)}\n\n{table}" + "".join(f"{plain(line)}\n" for line in lines)


def _queue(results: Results) -> list[str]:
    """Return a line about the groups that are queued for tasks of a cluster, if there are any."""
    from rlbench.results.job_queue import JobQueue

    entries = JobQueue(results.store.root).entries()
    waiting = sum(not entry.holder for entry in entries)
    told = f"in the queue for a cluster: {len(entries) - waiting} taken by tasks, {waiting} waiting"
    return [f"{told}; `rlbench run` with the same --executor watches them"] if entries else []


def _watch(directory: Path) -> None:
    """Redraw a table on a terminal; elsewhere, print a line whenever the counts change."""
    from rich.console import Console
    from rich.live import Live

    from rlbench.analysis import Results

    console = Console(highlight=False)
    if not console.is_terminal or console.is_dumb_terminal:
        previous = ""
        while True:
            results = Results(directory)
            rows = _rows(results)
            line = _headline(results, rows)
            if line != previous:
                write_out(line + "\n")
                previous = line
            if not any(row["status"] in ("running", "pending") for row in rows):
                return
            time.sleep(SECONDS_BETWEEN_UPDATES)
    with Live(console=console, auto_refresh=False) as live:
        while True:
            results = Results(directory)
            rows = _rows(results)
            live.update(_table(results, rows, console.width, console.height), refresh=True)
            if not any(row["status"] in ("running", "pending") for row in rows):
                return
            time.sleep(SECONDS_BETWEEN_UPDATES)


def _table(results: Results, rows: list[dict[str, Any]], width: int, height: int) -> RenderableType:
    """Return a table with one line per algorithm and task: the mean progress of its runs, and their statuses."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    cells: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in rows:
        cells.setdefault((row["algorithm"], row["task"]), []).append(row)
    table = Table.grid(padding=(0, 2))
    bar = max(0, min(30, width - NARROW + 12))
    queue = [Text(plain(line), style="dim") for line in _queue(results)]
    most = max(1, height - 4 - len(queue))
    for (algorithm, task), same in list(cells.items())[:most]:
        share = sum(min(1.0, row["step"] / row["steps"]) for row in same) / len(same)
        counts = Counter(row["status"] for row in same)
        text = Text(", ").join(Text(f"{n} {s}", style=_STYLES.get(s, "red")) for s, n in counts.items())
        filled = round(share * bar)
        progress = [Text("━" * filled, style="green") + Text("─" * (bar - filled), style="dim")] if bar else []
        table.add_row(Text(f"{plain(algorithm)} on {plain(task)}"), *progress, f"{100 * share:3.0f} %", text)
    hidden = len(cells) - most
    more = [Text(f"… and {plural(hidden, 'more row')}", style="dim")] if hidden > 0 else []
    return Group(Text(plain(_headline(results, rows)), style="bold"), Text(""), table, *more, *queue)
