"""`rlbench check` and `run --dry-run`: what `run` would do and what it would cost, without doing it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rlbench.cli.common_options import open_plugins, open_suite, result_folder, suite_options
from rlbench.cli.progress.lines import plural
from rlbench.cli.seed_advice import reach_of_plan, told
from rlbench.cli.text_table import fitted, plain, write_out
from rlbench.cli.user_paths import shown

if TYPE_CHECKING:
    from rlbench.plugins import Plugins
    from rlbench.results import Store
    from rlbench.results.cost_estimates import Cost
    from rlbench.runner import Intent, Options
    from rlbench.suites import Plan


@click.command()
@click.argument("suite")
@suite_options
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of a table.")
def check(
    suite: str,
    output: Path | None,
    plugin_files: Sequence[str],
    max_runs: int,
    skip_missing: bool,
    as_json: bool,
    algorithms: Sequence[str],
    environments: Sequence[str],
    jobs: int | None,
    rerun: str | None,
    **changes: Any,
) -> None:
    """Check SUITE; show every run, its state, why it will or will not run, and what that will cost. Runs nothing.

    Whether so many seeds could decide a pair is said as well. Time and disk are what the same groups took on this machine before.
    """
    from rlbench.cli.shadowed_modules import shadowed
    from rlbench.results import Store
    from rlbench.runner import Options
    from rlbench.suites import plan

    plugins = open_plugins(plugin_files)
    for problem in plugins.load_observers():
        click.echo(plain(problem), err=True)
    planned = plan(open_suite(suite, **changes), plugins, max_runs=max_runs, skip_missing=skip_missing, jobs=jobs)
    store = Store(result_folder(output, planned.suite.name))
    options = Options(jobs=jobs, rerun=rerun, algorithms=algorithms, environments=environments)
    for note in shadowed(Path.cwd()):
        click.echo(plain(note), err=True)
    show_plan(planned, plugins, store, options, as_json)
    if planned.broken:
        raise click.exceptions.Exit(1)


def show_plan(planned: Plan, plugins: Plugins, store: Store, options: Options, as_json: bool) -> None:
    """Print every run with its state and what would be done about it, skipped pairs, time and disk."""
    import dataclasses

    from rlbench.runner import again, intents, unasked

    plugins.executor(options.executor)
    groups = options.chosen(planned.groups)
    anew, changed = again(store, plugins, groups, options)
    found = [
        dataclasses.replace(intent, wanted=True, why=f"trained again: --rerun {options.rerun}")
        if not intent.wanted and intent.run in anew
        else intent
        for intent in intents(store, plugins, groups, options.again)
    ]
    workers = options.jobs or planned.workers
    cost = _cost(found, workers)
    if as_json:
        write_out(json.dumps(_document(planned, store, found, cost, workers), indent=1) + "\n")
        return
    todo = [intent for intent in found if intent.wanted]
    steps = sum(intent.group.task.steps - intent.step for intent in todo)
    write_out(
        f"{planned.suite.name}: {plural(len(found), 'run')}, {len(todo)} to do ({steps:,} environment steps), results in {shown(store.root)}\n\n"
    )
    rows = _rows(found)
    header = ["algorithm", "task", "steps", "seeds", "what will be done"]
    write_out(fitted(header, rows, numbers=(2,)) if rows else "nothing to run\n")
    for label, differs in changed.items():
        write_out(f"made otherwise than it would be now: {plain(label)} ({', '.join(differs)}); --rerun changed\n")
    if others := unasked(store, [run for group in planned.groups for run in group.runs]):
        write_out(plain(others) + "\n")
    for text in _not_resumed(plugins, todo):
        write_out(text + "\n")
    for skip in planned.skipped:
        write_out(plain(str(skip)) + "\n")
    if not planned.adaptive:  # whose seeds are as many as it takes, judged by a test of their own
        lines = told(reach_of_plan(planned))
        write_out("\n" * bool(lines) + "".join(f"{line}\n" for line in lines))
    if todo:
        write_out(f"\n{_estimate(cost, workers, store)}\n")


def _rows(found: Sequence[Intent]) -> list[list[str]]:
    """Seeds of one group with the same fate share a row."""
    alike: dict[tuple[str, str], list[Intent]] = {}
    for intent in found:
        alike.setdefault((intent.group.name, intent.why), []).append(intent)
    return [
        [
            plain(same[0].group.label),
            plain(same[0].group.task.env_id),
            f"{same[0].group.task.steps:,}",
            _seeds([intent.run.seed for intent in same]),
            _what(same[0], why),
        ]
        for (_, why), same in alike.items()
    ]


def _what(intent: Intent, why: str) -> str:
    """What will be done, what became of the run before, and how it will be computed."""
    said = f" ({plain(intent.state.message)})" if intent.state.message else ""
    return plain(why) + said + (", compiled" if intent.wanted and intent.group.compile else "")


def _not_resumed(plugins: Plugins, todo: Sequence[Intent]) -> list[str]:
    """A line for each backend whose environments do not come back when a run is interrupted."""
    lost: dict[tuple[str, str], dict[str, None]] = {}
    for intent in todo:
        task, resume = intent.group.task, intent.group.resume
        if not plugins.backend(task.backend).replayable:
            lost.setdefault((task.backend, resume), {})[task.env_id] = None
    return [
        f"resumes: {'approximately' if resume == 'approximate' else 'no'}, on {plain(', '.join(ids))}: {backend} cannot "
        f"bring its environments back; interrupted runs "
        + ("begin new episodes and are marked" if resume == "approximate" else "start again at step 0")
        for (backend, resume), ids in lost.items()
    ]


def _seeds(seeds: Sequence[int]) -> str:
    """0–4 for a range, otherwise each."""
    if len(seeds) > 2 and list(seeds) == list(range(seeds[0], seeds[-1] + 1)):
        return f"{seeds[0]}–{seeds[-1]}"
    return ", ".join(map(str, seeds))


def _cost(found: Sequence[Intent], workers: int) -> Cost:
    import dataclasses

    from rlbench.results.cost_estimates import expected

    parts: dict[tuple[str, int], list[Intent]] = {}
    for intent in found:
        if intent.wanted:
            parts.setdefault((intent.group.name, intent.step), []).append(intent)
    groups = [
        (dataclasses.replace(same[0].group, seeds=tuple(i.run.seed for i in same)), same[0].group.task.steps - step)
        for (_, step), same in parts.items()
    ]
    return expected(groups, workers)


def _free(store: Store) -> int:
    there = next(path for path in (store.root.absolute(), *store.root.absolute().parents) if path.exists())
    return shutil.disk_usage(there).free


def _estimate(cost: Cost, workers: int, store: Store) -> str:
    from rlbench.executors.time_limits import duration

    free = _free(store)
    text = f"time: about {duration(cost.seconds)} with {plural(workers, 'job')}" if cost.seconds else "time: unknown"
    text += f"; disk: about {cost.bytes / 1e6:.1f} MB of {free / 1e9:.1f} GB free" if cost.bytes else "; disk: unknown"
    if cost.seconds:
        text += " (by what the same took here before)"
    if cost.unknown and cost.seconds:
        text += f"\nnot counted, for nothing like it has run here: {plain(', '.join(cost.unknown))}"
    if cost.bytes > free:
        text += "\nthat is more than there is room for"
    return text


def _document(planned: Plan, store: Store, found: Sequence[Intent], cost: Cost, workers: int) -> dict[str, Any]:
    from dataclasses import asdict

    return {
        "suite": planned.suite.name,
        "folder": str(store.root),
        "runs": [
            {
                "algorithm": intent.group.label,
                "task": intent.group.task.env_id,
                "seed": intent.run.seed,
                "steps": intent.group.task.steps,
                "device": intent.group.device,
                "stack_size": len(intent.group.seeds),
                "compiled": intent.group.compile,
                "folder": intent.run.name,
                "state": str(intent.state.status),
                "message": intent.state.message,
                "will_run": intent.wanted,
                "from_step": intent.step,
                "why": intent.why,
            }
            for intent in found
        ],
        "skipped": [
            {"algorithm": s.algorithm, "task": s.env_id, "reason": s.reason, "status": str(s.status)}
            for s in planned.skipped
        ],
        "can_show": None if planned.adaptive else asdict(reach_of_plan(planned)),
        "jobs": workers,
        "expected_seconds": cost.seconds or None,
        "expected_bytes": cost.bytes or None,
        "not_estimated": list(cost.unknown),
        "free_bytes": _free(store),
    }
