"""Results made elsewhere, put into a result folder as runs by their own account, beside what is there."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

from rlbench.api import Run, RunStatus, Task, slug
from rlbench.importers import ForeignError, Reading, Skipped, Told
from rlbench.importers.run_matching import ORIGIN, Earlier, Matched, Missing, content_of, match, place_of, there
from rlbench.importers.scored_budget import ENOUGH, budget_notes, protocol_notes, rows_beyond, tasks_of
from rlbench.results import Store, publish
from rlbench.results.file_io import append_line
from rlbench.results.jsonl_records import as_row
from rlbench.results.results_index import TRAINING_EPISODES
from rlbench.runtime.record_sink import MemorySink
from rlbench.runtime.self_reported import Account
from rlbench.suites import Suite

LOG = "imports.jsonl"
__all__ = ["Imported", "Imports", "Missing", "import_runs"]


@dataclass(frozen=True)
class Imported:
    """A run and what became of it: imported, there already, or left out and why (run: None)."""

    run: Run | None
    told: Told
    outcome: str


@dataclass(frozen=True)
class Imports:
    """What became of each run; what was skipped before it could be one; budgets and the like, in sentences."""

    runs: Sequence[Imported] = ()
    skipped: Sequence[Skipped] = ()
    notes: Sequence[str] = field(default=())

    @property
    def complete(self) -> bool:
        """Whether all that was found is in the folder now."""
        return not self.skipped and all(one.run is not None for one in self.runs)


def import_runs(
    store: Store,
    reading: Reading,
    missing: Missing,
    steps: int | None = None,
    every: int | None = None,
    replacing: bool = False,
) -> Imports:
    """Publish every run in the folder and enter it there; those that are there already stay as they are.

    steps: the budget, where the folder has none for an environment; every: between points of the curve, a tenth of the budget
    if None. replacing: a run of the folder with other rows makes room for what was read; it is moved to superseded/.
    Raises: LockedError; ForeignError before anything is written, where nothing can be imported.
    """
    store.lock()
    try:
        known = there(store)
        matched = match(reading.told, missing, known, replacing)
        skipped = [*reading.skipped, *matched.skipped]
        if not matched.told:
            raise _nothing(skipped)
        tasks = tasks_of(matched.told, steps, every, known.tasks(without=matched.replaced))
        notes = [*reading.notes, *budget_notes(matched.told, tasks), *protocol_notes(matched.told)]
        planned = [
            (one, *_planned(one, tasks[one.environment], matched.alike.get(place_of(one)))) for one in matched.told
        ]
        if all(run is None for _, run, _ in planned):
            raise _nothing([*skipped, *(Skipped(one.source, f"{one.source}: {why}") for one, _, why in planned)], notes)
        found = Imports(_import(store, matched, planned), skipped, notes)
        _record(store, found)
        return found
    finally:
        store.unlock()


def _nothing(skipped: Sequence[Skipped], notes: Sequence[str] = ()) -> ForeignError:
    """Why nothing can be imported, each reason once."""
    return ForeignError("\n".join(dict.fromkeys([*(one.why for one in skipped), *notes])))


def _import(store: Store, matched: Matched, planned: Sequence[tuple[Told, Run | None, str]]) -> list[Imported]:
    """Publish what is not there yet and enter it, then move aside what it replaces."""
    from rlbench import __version__

    runs = [run for _, run, _ in planned if run is not None]
    found, done, gone = list[Imported](), list[Run](), list[Run]()
    try:
        for one, run, why in planned:
            outcome = _publish(store, run, one, done) if run is not None else why
            earlier = matched.replaced.get(place_of(one))
            if earlier is not None and (run is None or earlier.run.name != run.name):
                gone.append(earlier.run)
                outcome += "; the run that was there is in superseded/"
            found.append(Imported(run, one, outcome))
    finally:  # what is published by then is entered, whatever went wrong with the next
        if done or gone:
            store.add_imported(done, _suite(store.root.name, runs), __version__, gone)
    copies = [
        Imported(one.run, copy, f"the same rows as {first.source}: taken once")
        for copy, first in matched.copies
        for one in found
        if one.told is first
    ]
    return [*found, *copies]


def _record(store: Store, found: Imports) -> None:
    """Append what became of everything to the folder's log of imports."""
    from rlbench import __version__

    if not (store.root / "suite.json").exists():
        return
    runs = [
        {
            "algorithm": one.told.algorithm,
            "environment": one.told.environment,
            "seed": one.told.seed,
            "from": one.told.source,
            "folder": None if one.run is None else one.run.name,
            "outcome": one.outcome,
            "notes": list(one.told.notes),
        }
        for one in found.runs
    ]
    skipped = [asdict(one) for one in found.skipped]
    line = {"schema_version": 1, "rlbench": __version__, "runs": runs, "skipped": skipped, "notes": list(found.notes)}
    append_line(store.root / LOG, json.dumps(line))


def _planned(told: Told, task: Task, alike: Earlier | None) -> tuple[Run | None, str]:
    """The run that is to be made of it; None, and why not. alike: that of the folder with the same rows, which it is then,
    whatever the file is called now."""
    last = told.rows[-1].step
    if last < ENOUGH * task.steps:
        return None, f"left out: it ends at step {last} of {task.steps}"
    if not any(row.step <= task.steps for row in told.rows):
        return None, f"left out: nothing of it lies within {task.steps} steps"
    name = Path(told.source).name if alike is None else alike.run.config[ORIGIN]
    origin = {ORIGIN: name, "content": content_of(told)}
    return Run(f"{ORIGIN}/{told.algorithm}", origin, task, int(told.seed or 0), told.algorithm), ""


def _suite(name: str, runs: Sequence[Run]) -> dict[str, Any]:
    """The suite that such runs would have been of, as JSON values."""
    tasks = {run.task.env_id: run.task for run in runs}
    environments = [
        {"id": env, "steps": task.steps, "evaluation": {"every": task.evaluation.every}} for env, task in tasks.items()
    ]
    algorithms = [{"id": i, "label": label} for i, label in {run.algorithm: run.label for run in runs}.items()]
    suite = Suite.model_validate(
        {"name": slug(name, 60), "algorithms": algorithms, "environments": environments, "seeds": 1}
    )
    # A suite's seeds have a limit, as what draws are made of; here they are names.
    return suite.resolved() | {"seeds": sorted({run.seed for run in runs})}


def _publish(store: Store, run: Run, told: Told, done: list[Run]) -> str:
    """Write one run, and add it to those that are done. Returns: what became of it."""
    sink = MemorySink()
    latest = 1 if told.means else TRAINING_EPISODES
    account = Account(
        run.task.evaluation, run.task.steps, run.seed, sink, lambda: told.seconds or math.nan, latest=latest
    )
    diverged_at = None
    within = sorted(
        (row for row in told.rows if row.step <= run.task.steps), key=lambda row: (row.step, row.evaluation)
    )
    for (step, evaluation), rows in groupby(within, key=lambda row: (row.step, row.evaluation)):
        found = list(rows)
        if not all(math.isfinite(row.return_) for row in found):
            diverged_at = step
            break
        if evaluation:
            account.evaluation(step, [row.return_ for row in found])
        else:
            for row in found:
                account.episode(step, row.return_, row.length)
    if diverged_at is None:
        account.finish()
    facts = {
        "status": RunStatus.DONE if diverged_at is None else RunStatus.DIVERGED,
        "message": "" if diverged_at is None else f"diverged at step {diverged_at}",
        "steps": run.task.steps if diverged_at is None else diverged_at,
        "diverged_at": diverged_at,
        "wall_seconds": told.seconds,
        "metering": "self-reported",
        # One that diverged before its first evaluation is none that is known by its training.
        "score_from": "evaluation" if any(row.evaluation for row in told.rows) else account.score_from,
        "reproducible": False,
        "stack_size": 1,
        "resumed_from": 0,
        ORIGIN: {
            "from": told.source,
            "rows": len(told.rows),
            "beyond": rows_beyond(told, run.task),
            "notes": list(told.notes),
            **({"training_return": sink.episodes[-1].return_} if told.means and sink.episodes else {}),
        },
    }
    records: dict[str, dict[int, list[dict[str, Any]]]] = {
        "episodes": {run.seed: [as_row("episodes", record) for record in sink.episodes]},
        "evaluations": {run.seed: [as_row("evaluations", record) for record in sink.evaluations]},
        "metrics": {},
    }
    store.describe_run(run)
    fresh = publish(store.folder(run), run, Path(ORIGIN), {}, facts, records)
    done.append(run)
    lost = "" if diverged_at is None else f": diverged at step {diverged_at:,}"
    return f"imported{lost}" if fresh else f"there already: kept{lost}"
