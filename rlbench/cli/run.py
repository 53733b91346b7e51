"""`rlbench run`: plan a suite, run what is not finished, print the table."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rlbench.cli.opening import open_plugins, output_option, plugin_option, result_folder
from rlbench.cli.talk import Listener, Talk, plural

if TYPE_CHECKING:
    import pandas as pd

    from rlbench.api import Run
    from rlbench.executors import Job
    from rlbench.results import Store

NOTHING_MATCHED = 4


@click.command()
@click.argument("suite")
@output_option
@click.option("-j", "--jobs", type=click.IntRange(1), help="Groups run at a time; default: one for each core.")
@click.option(
    "--executor", default="local", show_default=True, help="local (subprocesses) or serial (in this process)."
)
@click.option(
    "--rerun",
    type=click.Choice(["failed", "changed", "corrupt"]),
    help="Train again what has failed, what other code made, or what is damaged.",
)
@plugin_option
@click.option(
    "--retries",
    default=1,
    show_default=True,
    type=click.IntRange(0),
    help="How often a group goes on whose process was killed.",
)
@click.option("-q", "--quiet", is_flag=True, help="No progress on stderr.")
def run(
    suite: str,
    output: Path | None,
    jobs: int | None,
    executor: str,
    rerun: str | None,
    plugin_files: Sequence[str],
    retries: int,
    quiet: bool,
) -> int:
    """Run SUITE (a YAML file, or the name of one that comes with rlbench) and print its table.

    The same command again goes on where it left off: finished runs are kept, the others continue from their last
    checkpoint. Progress goes to stderr, the table to stdout.
    """
    from rlbench import __version__
    from rlbench.cli.table import print_table
    from rlbench.executors import prepare, set_changed_aside, set_corrupt_aside
    from rlbench.results import Store
    from rlbench.suites import find_suite, load_suite, plan

    loaded = load_suite(find_suite(suite))
    plugins = open_plugins(plugin_files)
    observers = plugins.load_observers()
    planned = plan(loaded, plugins)
    execute = plugins.executor(executor).execute
    talk = Talk(quiet)
    for problem in observers:
        talk.warn(problem)
    skipped = [f"skipped: {skip.algorithm} on {skip.env_id}: {skip.reason}" for skip in planned.skipped]
    if not planned.groups:
        talk.warn("\n".join([*skipped, "nothing to run: every pair was skipped"]))
        return NOTHING_MATCHED
    store = Store(result_folder(output, loaded.name))
    listener = Listener(talk, plugins)
    store.lock()
    try:
        runs = [r for group in planned.groups for r in group.runs]
        changed = set_changed_aside(store, plugins, planned.groups, act=rerun == "changed")
        if rerun == "corrupt":
            set_corrupt_aside(store, runs)
        _say_what_else_is_there(store, runs, loaded.name, talk)
        store.describe_suite(loaded.model_dump(mode="json"), runs, __version__)
        todo = prepare(store, plugins, planned.groups, ["failed", "timeout"] if rerun == "failed" else [])
        talk.begin(planned, todo, len(runs), store)
        listener.observe("rlbench_suite_started", suite=loaded.name, groups=[job.group for job in todo])
        try:
            if todo:
                left = Counter({job.group.name: retries for job in todo})

                def retry(job: Job) -> Sequence[Job]:
                    left[job.group.name] -= 1
                    return prepare(store, plugins, [job.group], []) if left[job.group.name] >= 0 else []

                execute(todo, jobs or loaded.jobs or os.cpu_count() or 1, listener, retry)
        except KeyboardInterrupt:
            talk.say(
                f"interrupted; {_finished(store, runs)} of {len(runs)} runs are finished in {store.root}, the same command goes on with the others"
            )
            raise
        counts = Counter(str(state.status) for state in store.states(runs).values())
        listener.observe("rlbench_suite_finished", suite=loaded.name, counts=dict(counts))
    finally:
        store.unlock()
    table = print_table(store)
    _say_what_is_missing(table, talk)
    for line in skipped:
        talk.say(line)
    if changed and rerun != "changed":
        talk.warn(
            f"made by other code than is installed now: {', '.join(changed)}; kept as they are; --rerun changed trains them again"
        )
    talk.say(f"results: {store.root}")
    return 0 if (table["status"] == "done").all() else 1


def _finished(store: Store, runs: Sequence[Run]) -> int:
    return sum(1 for state in store.states(runs).values() if state.result)


def _say_what_else_is_there(store: Store, runs: Sequence[Run], name: str, talk: Talk) -> None:
    """A folder may hold runs that this suite does not ask for; they are kept and not shown."""
    from rlbench.results.files import read_json

    before = read_json(store.root / "suite.json")
    if before is not None and before["suite"]["name"] != name:
        talk.warn(
            f"{store.root} held the suite {before['suite']['name']!r} until now; its tables show {name!r} from here on"
        )
    others = {path.parent.name for path in (store.root / "runs").glob("*/result.json")} - {r.name for r in runs}
    if others:
        talk.say(
            f"{plural(len(others), 'finished run')} in {store.root}/runs {'is' if len(others) == 1 else 'are'} not of this suite: kept, not shown"
        )


def _say_what_is_missing(table: pd.DataFrame, talk: Talk) -> None:
    """One line for all seeds that ended alike, and what to do."""
    lost = table[~table["status"].isin(["done", "diverged"])]
    for (name, task, status, message), rows in lost.groupby(
        ["algorithm", "environment", "status", "message"], sort=False
    ):
        seeds = ", ".join(map(str, rows["seed"]))
        talk.warn(f"{name} on {task}, {'seed' if len(rows) == 1 else 'seeds'} {seeds}: {status}: {message}")
    for status, cause in (("failed", "is mended"), ("corrupt", "is understood")):
        if (lost["status"] == status).any():
            talk.warn(f"{status} runs stay so until the cause {cause} and --rerun {status} is given")
