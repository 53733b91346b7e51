"""`rlbench run`: plan a suite, run what is not finished, print the table."""

from __future__ import annotations

import os
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rlbench.executors import Job
    from rlbench.plugins import Plugins
    from rlbench.results import Store
    from rlbench.suites import Plan


@click.command()
@click.argument("suite")
@click.option(
    "-o",
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help="Result folder; default results/<suite name>.",
)
@click.option("-j", "--jobs", type=click.IntRange(1), help="Groups run at a time; default: one for each core.")
@click.option(
    "--executor",
    default="local",
    show_default=True,
    help="How groups are run: local (subprocesses) or serial (in this process).",
)
@click.option("--rerun", type=click.Choice(["failed"]), help="Also run again what has failed.")
@click.option(
    "--plugin",
    "plugin_files",
    multiple=True,
    type=click.Path(),
    help="A Python file that offers algorithms; may be repeated.",
)
@click.option("-q", "--quiet", is_flag=True, help="No progress on stderr.")
def run(
    suite: str,
    output: Path | None,
    jobs: int | None,
    executor: str,
    rerun: str | None,
    plugin_files: Sequence[str],
    quiet: bool,
) -> int:
    """Run SUITE (a YAML file, or the name of one that comes with rlbench) and print its table.

    The same command again goes on where it left off: finished runs are kept, the others continue from their last
    checkpoint. Progress goes to stderr, the table to stdout.
    """
    from rlbench import __version__
    from rlbench.api import RunStatus
    from rlbench.cli.table import print_table
    from rlbench.executors import prepare
    from rlbench.plugins import load_plugins
    from rlbench.results import Store
    from rlbench.suites import find_suite, load_suite, plan

    only = os.environ.get("RLBENCH_PLUGINS")
    loaded = load_suite(find_suite(suite))
    plugins = load_plugins(plugin_files, only.split(",") if only else None)
    planned = plan(loaded, plugins, [str(Path(p).resolve()) for p in plugin_files])
    execute = plugins.executor(executor).execute
    for plugin in plugins.plugins:
        if plugin.file is not None:
            plugin.load()  # a file given by hand may observe
    store = Store(output or Path(os.environ.get("RLBENCH_RESULTS", "results")) / loaded.name)
    talk = Talk(quiet)
    store.lock()
    try:
        runs = [r for group in planned.groups for r in group.runs]
        store.describe_suite(loaded.model_dump(mode="json"), runs, __version__)
        again = [RunStatus.FAILED, RunStatus.TIMEOUT] if rerun == "failed" else []
        todo = prepare(store, plugins, planned.groups, again)
        talk.begin(planned, todo, len(runs), store)
        observe(plugins, talk, "rlbench_suite_started", suite=loaded.name, groups=[job.group for job in todo])
        try:
            if todo:
                listener = Listener(talk, plugins)
                execute(todo, jobs or loaded.jobs or os.cpu_count() or 1, listener)
        except KeyboardInterrupt:
            talk.say(
                f"interrupted; {_finished(store, runs)} of {len(runs)} runs are safe in {store.root}; the same command goes on"
            )
            raise
        states = store.states(runs)
        counts = Counter(str(state.status) for state in states.values())
        observe(plugins, talk, "rlbench_suite_finished", suite=loaded.name, counts=dict(counts))
    finally:
        store.unlock()
    print_table(store)
    for r in runs:
        if states[r.key].status not in (RunStatus.DONE, RunStatus.DIVERGED):
            talk.warn(f"{r.label} on {r.task.env_id}, seed {r.seed}: {states[r.key].status}: {states[r.key].message}")
    talk.say(f"results: {store.root}")
    return 0 if set(counts) <= {"done"} else 1


def _finished(store: Store, runs: Sequence[Any]) -> int:
    return sum(1 for state in store.states(runs).values() if state.result)


def observe(plugins: Plugins, talk: Talk, hook: str, **arguments: Any) -> None:
    for problem in plugins.notify(hook, **arguments):
        talk.warn(problem)


SECONDS_BETWEEN_LINES = 5.0


class Talk:
    """Lines on stderr; warnings are said even when quiet."""

    def __init__(self, quiet: bool) -> None:
        self._quiet, self._began = quiet, time.monotonic()

    def say(self, text: str) -> None:
        if not self._quiet:
            print(text, file=sys.stderr, flush=True)

    def warn(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    def timed(self, text: str) -> None:
        minutes, seconds = divmod(int(time.monotonic() - self._began), 60)
        self.say(f"[{minutes:02d}:{seconds:02d}] {text}")

    def begin(self, planned: Plan, todo: Sequence[Job], total: int, store: Store) -> None:
        for skip in planned.skipped:
            self.say(f"skipped: {skip.algorithm} on {skip.env_id}: {skip.reason}")
        left = sum(len(job.group.seeds) for job in todo)
        self.say(f"{planned.suite.name}: {total} runs, {left} to do in {len(todo)} groups, results in {store.root}")


class Listener:
    """Turns what executors tell into lines and observer calls."""

    def __init__(self, talk: Talk, plugins: Plugins) -> None:
        self._talk, self._plugins = talk, plugins
        self._said: dict[Path, float] = {}

    def _due(self, job: Job, step: int) -> bool:
        """At most one line a group every few seconds, and always the last."""
        now = time.monotonic()
        due = now - self._said.get(job.attempt, float("-inf")) >= SECONDS_BETWEEN_LINES or step >= job.group.task.steps
        if due:
            self._said[job.attempt] = now
        return due

    def __call__(self, job: Job, event: Mapping[str, Any]) -> None:
        group, kind = job.group, event["event"]
        name = f"{group.label or group.algorithm} on {group.task.env_id}"
        if kind == "started":
            origin = f", from step {job.resumed_from}" if job.resumed_from else ""
            self._talk.timed(f"{name}: started, {len(group.seeds)} seeds{origin}")
            observe(self._plugins, self._talk, "rlbench_group_started", group=group)
        elif kind == "evaluated":
            returns = event["returns"]
            if self._due(job, event["step"]):
                self._talk.timed(
                    f"{name}: step {event['step']} of {group.task.steps}, mean return {sum(returns) / len(returns):.1f}"
                )
            observe(self._plugins, self._talk, "rlbench_evaluated", group=group, step=event["step"], returns=returns)
        elif kind == "notice":
            self._talk.timed(f"{name}: {event['message']}")
        elif kind == "finished":
            detail = f": {event['message']}" if event.get("message") else ""
            self._talk.timed(f"{name}: {event['status']}{detail}")
            observe(self._plugins, self._talk, "rlbench_group_finished", group=group, status=str(event["status"]))
