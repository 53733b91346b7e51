"""`rlbench check` and `run --dry-run`: what `run` would do and what it would cost."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rlbench.cli.common_options import open_plugins, open_suite, result_folder
from rlbench.cli.declared_options import options_of
from rlbench.cli.environment_count import environment_count
from rlbench.cli.planned_stages import stage_lines
from rlbench.cli.seed_advice import advice, reach_of_plan
from rlbench.cli.text_table import fitted, plain, write_error, write_out
from rlbench.cli.user_paths import short_path
from rlbench.suite_options import SuiteOptions
from rlbench.text import counted, duration, join_names, plural, range_or_list

if TYPE_CHECKING:
    from rlbench.plugins import Plugins
    from rlbench.results import Store
    from rlbench.results.cost_estimates import Cost
    from rlbench.run_options import RunOptions
    from rlbench.runner import RunDecision
    from rlbench.runner.preparation import Stack
    from rlbench.suites import LoadedSuite, Plan


@click.command()
@click.argument("suite")
@options_of(SuiteOptions)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of a table.")
def check(suite: str, options: RunOptions, as_json: bool) -> None:
    """Check SUITE without training, and show for every run its state, whether it would be trained, and why.

    SUITE is a YAML file or the name of a built-in suite (`rlbench ls suites`). The output also says whether the suite
    has enough seeds to decide its comparisons, and estimates time and disk space from earlier runs on this machine.
    """
    from rlbench.cli.shadowed_modules import shadowing_notes
    from rlbench.results import Store
    from rlbench.suites import plan

    plugins = open_plugins(options.plugin_files)
    for problem in plugins.load_observers():
        write_error(problem)
    loaded = open_suite(suite, options)
    planned = plan(loaded, plugins, **options.planning)
    store = Store(result_folder(options.output, planned.suite.name))
    for note in shadowing_notes(Path.cwd()):
        write_error(note)
    show_plan(planned, plugins, store, options, as_json)
    if planned.suite.tune is not None:  # last, because `rlbench run` does not need it
        _check_trials(loaded, planned, plugins, options)
    if planned.broken:
        raise click.exceptions.Exit(1)


def _check_trials(loaded: LoadedSuite, planned: Plan, plugins: Plugins, options: RunOptions) -> None:
    """Check the settings that `rlbench tune` would draw. Raises: SuiteError, at the place in the suite."""
    from rlbench.tuning.trial_planning import first_round, sampling_of

    assert planned.suite.tune is not None
    if planned.suite.tune.sampler == "random" or find_spec("optuna") is not None:
        first_round(loaded, sampling_of(planned, loaded, plugins, 0), plugins, options)


def show_plan(planned: Plan, plugins: Plugins, store: Store, options: RunOptions, as_json: bool) -> None:
    """Print each run's state and whether it would be trained, skipped pairs, and the expected time and disk space."""
    import dataclasses

    from rlbench.results.cost_estimates import estimate_cost
    from rlbench.runner import decide_runs, describe_unrequested, runs_to_retrain
    from rlbench.runner.preparation import stacks_to_train
    from rlbench.runner.setting_stacks import StackLimits

    plugins.executor(options.executor)
    groups = options.chosen(planned.groups)
    states = store.states([run for group in groups for run in group.runs])
    retrained, changed = runs_to_retrain(store, plugins, groups, options, states)
    decisions = [
        dataclasses.replace(decision, train=True, reason=f"trained again: --rerun {options.rerun}")
        if not decision.train and decision.run in retrained
        else decision
        for decision in decide_runs(store, plugins, groups, states, options.should_retry)
    ]
    workers = options.jobs or planned.workers
    stacks = list(stacks_to_train(store, decisions, StackLimits.of_plan(planned, workers)))
    cost = estimate_cost([(group, group.task.steps - step) for group, step, _ in stacks], workers)
    if as_json:
        write_out(json.dumps(_document(planned, store, decisions, stacks, cost, workers), indent=1) + "\n")
        return
    todo = [decision for decision in decisions if decision.train]
    steps = sum(decision.group.task.steps - decision.step for decision in todo)
    count = f"{plural(len(decisions), 'run')}, {len(todo)} to do ({steps:,} environment steps)"
    write_out(f"{planned.suite.name}: {count}, results in {short_path(store.root)}\n\n")
    rows = _rows(decisions)
    header = ["algorithm", "task", "steps", "seeds", "what will be done"]
    write_out(fitted(header, rows, numbers=(2,)) if rows else "nothing to run\n")
    for label, differences in changed.items():
        what = f"{plain(label)} ({', '.join(differences)})"
        write_out(f"made by different code or settings: {what}; --rerun changed trains these runs again\n")
    if others := describe_unrequested(store, [run for group in planned.groups for run in group.runs]):
        write_out(plain(others) + "\n")
    for text in _not_resumed(plugins, todo):
        write_out(text + "\n")
    counted = environment_count([decision.group for decision in todo], workers)
    stages = stage_lines(planned.suite, {decision.group.task.name for decision in decisions})
    for text in [*stages, *planned.notes, *_settings_together(stacks), *counted, *map(str, planned.skipped)]:
        write_out(plain(text) + "\n")
    if not planned.adaptive:  # an adaptive suite adds seeds as needed and has its own test
        lines = advice(reach_of_plan(planned))
        write_out("\n" * bool(lines) + "".join(f"{line}\n" for line in lines))
    if todo:
        write_out(f"\n{_estimate(cost, workers, store)}\n")
    if text := _tuning(planned, cost.seconds / steps if steps else 0.0):
        write_out(f"{plain(text)}\n")


def _tuning(planned: Plan, pace: float) -> str:
    """Return what `rlbench tune` would train, or "" if nothing is tuned. pace: seconds per step; 0 if unknown."""
    from rlbench.suites.tuning_cost import tuning_costs

    costs = tuning_costs(planned)
    if not costs:
        return ""
    steps = sum(cost.steps for cost in costs)
    search = f"{counted(sum(cost.runs for cost in costs), 'run')}, {steps:,} environment steps"
    tuned = {cost.algorithm for cost in costs}
    finals = [group for group in planned.groups for _ in range(1 + (group.label in tuned))]  # tuned ones run twice
    final_steps = sum(group.task.steps * len(group.seeds) for group in finals)
    final = f"{counted(sum(len(group.seeds) for group in finals), 'run')}, {final_steps:,} environment steps"
    time = f", in about {duration(pace * (steps + final_steps))} at the pace of this suite" if pace else ""
    needs = ""
    if planned.suite.tune is not None and planned.suite.tune.sampler == "tpe" and find_spec("optuna") is None:
        from rlbench.tuning.tpe_sampler import MISSING

        needs = f"; {MISSING}"
    return (
        f"`rlbench tune` would train {plural(costs[0].trials, 'trial')} each of"
        f" {join_names([cost.algorithm for cost in costs])}, {search}, and then compare on fresh seeds,"
        f" {final}{time}{needs}"
    )


def _rows(decisions: Sequence[RunDecision]) -> list[list[str]]:
    """Return the rows of the table. The seeds of one group share a row if they have the same reason."""
    by_reason: dict[tuple[str, str], list[RunDecision]] = {}
    for decision in decisions:
        by_reason.setdefault((decision.group.name, decision.reason), []).append(decision)
    return [
        [
            plain(same[0].group.label),
            plain(same[0].group.task.name),
            f"{same[0].group.task.steps:,}",
            range_or_list([decision.run.seed for decision in same]),
            _action(same[0]),
        ]
        for same in by_reason.values()
    ]


def _action(decision: RunDecision) -> str:
    """Return what will be done and why, the message of the previous attempt, and whether training is compiled."""
    message = f" ({plain(decision.state.message)})" if decision.state.message else ""
    return plain(decision.reason) + message + (", compiled" if decision.train and decision.group.compile else "")


def _not_resumed(plugins: Plugins, todo: Sequence[RunDecision]) -> list[str]:
    """Return a line for each backend that cannot restore its environments when an interrupted run resumes."""
    environments: dict[tuple[str, str], dict[str, None]] = {}
    for decision in todo:
        task, resume = decision.group.task, decision.group.resume
        if not plugins.backend(task.backend).replayable:
            environments.setdefault((task.backend, resume), {})[task.name] = None
    return [
        f"resumes: {'approximately' if resume == 'approximate' else 'no'}, on {plain(', '.join(ids))}: {backend} "
        "cannot restore its environments; interrupted runs "
        + ("begin new episodes and are marked" if resume == "approximate" else "start again at step 0")
        for (backend, resume), ids in environments.items()
    ]


def _settings_together(stacks: Sequence[Stack]) -> list[str]:
    """Return a line for each stack in which several settings train together."""
    lines = []
    for group, _, decisions in stacks:
        if group.variants:
            settings = len({decision.group.label for decision in decisions})
            names = f"{settings} settings of {group.algorithm} on {group.task.name}"
            lines.append(f"{names} train as one stack of {plural(len(decisions), 'run')}")
    return lines


def _free(store: Store) -> int:
    folder = store.root.absolute()
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    return shutil.disk_usage(existing).free


def _estimate(cost: Cost, workers: int, store: Store) -> str:
    free = _free(store)
    text = f"time: about {duration(cost.seconds)} with {plural(workers, 'job')}" if cost.seconds else "time: unknown"
    text += f"; disk: about {cost.bytes / 1e6:.1f} MB of {free / 1e9:.1f} GB free" if cost.bytes else "; disk: unknown"
    if cost.seconds:
        text += " (from earlier runs on this machine)"
    if cost.unknown and cost.seconds:
        unknown = plain(", ".join(cost.unknown))
        text += f"\nnot included, because nothing similar has run on this machine: {unknown}"
    if cost.bytes > free:
        text += "\nthe disk does not have enough free space for that"
    return text


def _document(
    planned: Plan, store: Store, decisions: Sequence[RunDecision], stacks: Sequence[Stack], cost: Cost, workers: int
) -> dict[str, Any]:
    from dataclasses import asdict

    from rlbench.suites.tuning_cost import tuning_costs

    sizes = {decision.run.key: len(group.seeds) for group, _, own in stacks for decision in own}
    return {
        "suite": planned.suite.name,
        "folder": str(store.root),
        "runs": [
            {
                "algorithm": decision.group.label,
                "task": decision.group.task.name,
                "seed": decision.run.seed,
                "steps": decision.group.task.steps,
                "device": decision.group.device,
                "stack_size": sizes.get(decision.run.key, len(decision.group.seeds)),
                "compiled": decision.group.compile,
                "folder": decision.run.name,
                "state": str(decision.state.status),
                "message": decision.state.message,
                "will_run": decision.train,
                "from_step": decision.step,
                "why": decision.reason,
            }
            for decision in decisions
        ],
        "skipped": [
            {"algorithm": s.algorithm, "task": s.environment, "reason": s.reason, "status": str(s.status)}
            for s in planned.skipped
        ],
        "curricula": stage_lines(planned.suite, {decision.group.task.name for decision in decisions}),
        "can_show": None if planned.adaptive else asdict(reach_of_plan(planned)),
        "tuning": [asdict(cost) for cost in tuning_costs(planned)],
        "jobs": workers,
        "expected_seconds": cost.seconds or None,
        "expected_bytes": cost.bytes or None,
        "not_estimated": list(cost.unknown),
        "free_bytes": _free(store),
    }
