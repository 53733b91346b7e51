"""Results made elsewhere, put into a result folder as runs by their own account, beside what is there."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rlbench.api import EvaluationProtocol, Run, RunStatus, Task, slug
from rlbench.results import Store, publish
from rlbench.results.foreign import ForeignError, Told
from rlbench.results.jsonl import as_row
from rlbench.runtime.reported import Account
from rlbench.runtime.sink import MemorySink
from rlbench.suites import Suite

ENOUGH = 0.9  # of the budget; what reaches less is left out
POINTS = 10  # of a learning curve, where nothing else is said
ORIGIN = "imported"


@dataclass(frozen=True)
class Missing:
    """What stands in where a file does not say: of the algorithm, the environment, the seed."""

    algorithm: str | None = None
    environment: str | None = None
    seed: int | None = None


@dataclass(frozen=True)
class Imported:
    """A run and what became of it: imported, there already, or left out and why."""

    run: Run | None
    told: Told
    outcome: str


def complete(told: Sequence[Told], missing: Missing) -> list[Told]:
    """Every run with its algorithm, environment and seed; seeds that nobody gave are counted, by algorithm and environment.

    Raises: ForeignError for what cannot be known, or two runs that are the same.
    """
    found, counts = [], dict[tuple[str, str], int]()
    for one in told:
        algorithm, environment = one.algorithm or missing.algorithm, one.environment or missing.environment
        for name, value in (("algorithm", algorithm), ("environment", environment)):
            if not value:
                raise ForeignError(
                    f"{one.source} does not say its {name}; say --{name} NAME, or --path where it is in the path"
                )
        assert algorithm and environment
        seed = one.seed if one.seed is not None else missing.seed
        if seed is None:
            seed = counts.get((algorithm, environment), 0)
            counts[algorithm, environment] = seed + 1
        found.append(replace(one, algorithm=algorithm, environment=environment, seed=seed))
    seen: dict[tuple[Any, ...], Told] = {}
    for one in found:
        other = seen.setdefault((one.algorithm, one.environment, one.seed), one)
        if other is not one:
            raise ForeignError(
                f"{one.source} and {other.source} are both {one.algorithm} on {one.environment}, seed {one.seed}; "
                "say the seeds by --path or a column"
            )
    return found


def tasks_of(told: Sequence[Told], steps: int | None, every: int | None, known: Mapping[str, Task]) -> dict[str, Task]:
    """The task of each environment: the one that the folder has; else with the budget given, or where the shortest run ends."""
    found = {}
    for environment in dict.fromkeys(one.environment for one in told):
        if environment in known and steps in (None, known[environment].steps):
            found[environment] = known[environment]
            continue
        budget = steps or min(one.rows[-1].step for one in told if one.environment == environment)
        grid = max(1, budget // POINTS) if every is None else every
        found[environment] = Task(environment, max(1, budget), EvaluationProtocol(grid))
    return found


def import_runs(
    store: Store, told: Sequence[Told], steps: int | None = None, every: int | None = None
) -> list[Imported]:
    """Publish every run in the folder and enter it there; those that are there already stay as they are.

    steps: the budget, where the folder has none for an environment; every: between points of the curve, a tenth of the budget
    if None. Raises: LockedError; ForeignError for a run with nothing to score by: what came before it is kept.
    """
    from rlbench import __version__

    store.lock()
    try:
        known = {run.task.env_id: run.task for run in store.runs()} if (store.root / "suite.json").exists() else {}
        tasks = tasks_of(told, steps, every, known)
        found = _import(store, told, tasks)
        runs = [one.run for one in found if one.run is not None]
        if runs:
            store.add_imported(runs, _suite(store.root.name, runs).resolved(), __version__)
        return found
    finally:
        store.unlock()


def _suite(name: str, runs: Sequence[Run]) -> Suite:
    """The suite that such runs would have been of."""
    tasks = {run.task.env_id: run.task for run in runs}
    environments = [
        {"id": env, "steps": task.steps, "evaluation": {"every": task.evaluation.every}} for env, task in tasks.items()
    ]
    return Suite.model_validate(
        {
            "name": slug(name, 80),
            "algorithms": list(dict.fromkeys(run.algorithm for run in runs)),
            "environments": environments,
            "seeds": sorted({run.seed for run in runs}),
        }
    )


def _import(store: Store, told: Sequence[Told], tasks: Mapping[str, Task]) -> list[Imported]:
    found = []
    for one in told:
        task, last = tasks[one.environment], one.rows[-1].step
        if last < ENOUGH * task.steps:
            found.append(Imported(None, one, f"left out: it ends at step {last} of {task.steps}"))
            continue
        run = Run(one.algorithm, {ORIGIN: Path(one.source).name}, task, int(one.seed or 0), one.algorithm)
        found.append(Imported(run, one, _publish(store, run, one)))
    return found


def _publish(store: Store, run: Run, told: Told) -> str:
    sink = MemorySink()
    account = Account(run.task.evaluation, run.task.steps, run.seed, sink, lambda: told.seconds or math.nan)
    diverged_at = None
    for row in told.rows:
        if not math.isfinite(row.return_):
            diverged_at = min(row.step, run.task.steps)
            break
        if row.evaluation:
            account.evaluation(row.step, [row.return_])
        else:
            account.episode(row.step, row.return_, row.length)
    if diverged_at is None:
        account.finish()
    facts = {
        "status": RunStatus.DONE if diverged_at is None else RunStatus.DIVERGED,
        "message": "" if diverged_at is None else f"diverged at step {diverged_at}",
        "steps": run.task.steps if diverged_at is None else diverged_at,
        "diverged_at": diverged_at,
        "wall_seconds": told.seconds,
        "metering": "self-reported",
        "reproducible": False,
        "stack_size": 1,
        "resumed_from": 0,
        ORIGIN: {"from": told.source, "rows": len(told.rows)},
    }
    records: dict[str, dict[int, list[dict[str, Any]]]] = {
        "episodes": {run.seed: [as_row("episodes", record) for record in sink.episodes]},
        "evaluations": {run.seed: [as_row("evaluations", record) for record in sink.evaluations]},
        "metrics": {},
    }
    store.describe_run(run)
    fresh = publish(store.folder(run), run, Path(ORIGIN), {}, facts, records)
    return "imported" if fresh else "there already: kept"
