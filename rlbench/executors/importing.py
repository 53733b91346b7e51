"""Results made elsewhere, put into a result folder as runs by their own account, beside what is there."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from rlbench.api import EvaluationProtocol, Run, RunStatus, Task, canonical, slug
from rlbench.results import Store, publish
from rlbench.results.foreign import ForeignError, Told
from rlbench.results.jsonl import as_row
from rlbench.runtime.reported import Account
from rlbench.runtime.sink import MemorySink
from rlbench.suites import Suite

ENOUGH = 0.9  # of the budget; what reaches less is left out
POINTS = 10  # of a learning curve, where nothing else is said
ORIGIN = "imported"
LARGEST_SEED = (1 << 31) - 1


@dataclass(frozen=True)
class Missing:
    """What stands in where a file does not say: of the algorithm, the environment, the seed."""

    algorithm: str | None = None
    environment: str | None = None
    seed: int | None = None


@dataclass(frozen=True)
class Imported:
    """A run and what became of it: imported, there already, or left out and why (run: None)."""

    run: Run | None
    told: Told
    outcome: str


@dataclass(frozen=True)
class There:
    """What a folder has: labels of runs that were not imported; seeds and contents of those that were, by label and
    environment; each environment's task."""

    metered: frozenset[str] = frozenset()
    seeds: Mapping[tuple[str, str], Mapping[int, str]] = field(default_factory=dict)
    tasks: Mapping[str, Task] = field(default_factory=dict)


def there(store: Store) -> There:
    """Raises: StoreError for a folder of a newer version."""
    if not (store.root / "suite.json").exists():
        return There()
    runs, entries = store.runs(), store.imported()
    seeds: dict[tuple[str, str], dict[int, str]] = {}
    for run in runs:
        if run.name in entries:
            seeds.setdefault((run.label, run.task.env_id), {})[run.seed] = str(run.config["content"])
    budgets = {entry["id"]: entry["steps"] for entry in store.suite()["suite"]["environments"]}
    # Where algorithms were given budgets of their own, the environment's is taken.
    tasks = {run.task.env_id: run.task for run in runs}
    tasks |= {run.task.env_id: run.task for run in runs if run.task.steps == budgets.get(run.task.env_id)}
    return There(frozenset(run.label for run in runs if run.name not in entries), seeds, tasks)


def complete(told: Sequence[Told], missing: Missing, known: There) -> list[Told]:
    """Every run with its label, environment and seed.

    One that is called as what the folder's own runs are gets another label. Seeds that nobody gave are counted, by label and
    environment, on from those in the folder. Raises: ForeignError for what cannot be known, or a seed that another run has.
    """
    found: dict[tuple[str, str, int], Told] = {}
    taken = {place: dict(seeds) for place, seeds in known.seeds.items()}
    for one in told:
        algorithm = _said(one, "algorithm", one.algorithm or missing.algorithm)
        environment = _said(one, "environment", one.environment or missing.environment)
        label = f"{algorithm} (imported)" if algorithm in known.metered else algorithm
        content, seeds = content_of(one), taken.setdefault((label, environment), {})
        seed = missing.seed if one.seed is None else one.seed
        if seed is None:
            same = [number for number, other in seeds.items() if other == content]
            seed = same[0] if same else max(seeds, default=-1) + 1
        if not 0 <= seed <= LARGEST_SEED:
            raise ForeignError(f"{one.source}: seed {seed} is not between 0 and {LARGEST_SEED}")
        place = label, environment, seed
        if seeds.setdefault(seed, content) != content or place in found:
            raise ForeignError(
                f"{one.source}: {label} on {environment}, seed {seed}, is another run already; say the seeds by --path, "
                "a column, or --seed"
            )
        found[place] = replace(one, algorithm=label, environment=environment, seed=seed)
    return list(found.values())


def _said(told: Told, name: str, value: str | None) -> str:
    if not value:
        raise ForeignError(
            f"{told.source} does not say its {name}; say --{name} NAME, or --path where it is in the path"
        )
    return value


def content_of(told: Told) -> str:
    """A hash of what was told, wherever it lies and whatever it is called."""
    return hashlib.sha256(canonical([list(row) for row in told.rows]).encode()).hexdigest()[:16]


def tasks_of(told: Sequence[Told], steps: int | None, every: int | None, known: Mapping[str, Task]) -> dict[str, Task]:
    """The task of each environment: the one that the folder has; else with the budget given, or where the shortest run ends.

    Raises: ForeignError for a budget that is not the folder's.
    """
    found = {}
    for environment in dict.fromkeys(one.environment for one in told):
        if environment in known:
            if steps not in (None, known[environment].steps):
                raise ForeignError(
                    f"{environment} has a budget of {known[environment].steps} steps in this folder, not {steps}; leave --steps "
                    "out, or choose another folder with -o"
                )
            found[environment] = known[environment]
            continue
        budget = steps or min(one.rows[-1].step for one in told if one.environment == environment)
        grid = max(1, budget // POINTS) if every is None else every
        found[environment] = Task(environment, max(1, budget), EvaluationProtocol(grid))
    return found


def import_runs(
    store: Store, told: Sequence[Told], missing: Missing, steps: int | None = None, every: int | None = None
) -> list[Imported]:
    """Publish every run in the folder and enter it there; those that are there already stay as they are.

    steps: the budget, where the folder has none for an environment; every: between points of the curve, a tenth of the budget
    if None. Raises: LockedError; ForeignError before anything is written.
    """
    from rlbench import __version__

    store.lock()
    try:
        known = there(store)
        named = complete(told, missing, known)
        tasks = tasks_of(named, steps, every, known.tasks)
        planned = [(one, *_planned(one, tasks[one.environment])) for one in named]
        runs = [run for _, run, _ in planned if run is not None]
        if not runs:
            return [Imported(None, one, why) for one, _, why in planned]
        suite, done = _suite(store.root.name, runs).resolved(), list[Run]()
        try:
            return [Imported(run, one, _publish(store, run, one, done) if run else why) for one, run, why in planned]
        finally:
            store.add_imported(done, suite, __version__)
    finally:
        store.unlock()


def _planned(told: Told, task: Task) -> tuple[Run | None, str]:
    """The run that is to be made of it; None, and why not."""
    last = told.rows[-1].step
    if last < ENOUGH * task.steps:
        return None, f"left out: it ends at step {last} of {task.steps}"
    if not any(row.step <= task.steps for row in told.rows):
        return None, f"left out: nothing of it lies within {task.steps} steps"
    origin = {ORIGIN: Path(told.source).name, "content": content_of(told)}
    return Run(f"{ORIGIN}/{told.algorithm}", origin, task, int(told.seed or 0), told.algorithm), ""


def _suite(name: str, runs: Sequence[Run]) -> Suite:
    """The suite that such runs would have been of."""
    tasks = {run.task.env_id: run.task for run in runs}
    environments = [
        {"id": env, "steps": task.steps, "evaluation": {"every": task.evaluation.every}} for env, task in tasks.items()
    ]
    return Suite.model_validate(
        {
            "name": slug(name, 80),
            "algorithms": [
                {"id": i, "label": label} for i, label in {run.algorithm: run.label for run in runs}.items()
            ],
            "environments": environments,
            "seeds": sorted({run.seed for run in runs}),
        }
    )


def _publish(store: Store, run: Run, told: Told, done: list[Run]) -> str:
    """Write one run, and add it to those that are done. Returns: what became of it."""
    sink = MemorySink()
    account = Account(run.task.evaluation, run.task.steps, run.seed, sink, lambda: told.seconds or math.nan)
    diverged_at = None
    for row in told.rows:
        if row.step > run.task.steps:
            break
        if not math.isfinite(row.return_):
            diverged_at = row.step
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
        "score_from": account.score_from,
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
    done.append(run)
    return "imported" if fresh else "there already: kept"
