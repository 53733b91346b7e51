"""Publication of other programs' results in a result folder, as self-reported runs beside its other runs."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import groupby
from pathlib import Path
from typing import Any

from rlbench.api import LARGEST_RETURN, Run, RunStatus, Task, slug
from rlbench.importers import ForeignError, ImportedRecords, ReadResult, SkippedSource
from rlbench.importers.imported_records import LONGEST_SECONDS
from rlbench.importers.published_budget import Cell, final_notes, named_as_in, points_scored, published_tasks
from rlbench.importers.run_matching import (
    ORIGIN,
    PUBLISHED,
    Defaults,
    EarlierImport,
    ExistingRuns,
    MatchedRuns,
    content_of,
    existing_runs,
    match_runs,
    place_of,
)
from rlbench.importers.scored_budget import ENOUGH, budget_notes, protocol_notes, rows_beyond, tasks_of
from rlbench.results import Store, publish
from rlbench.results.file_io import append_line
from rlbench.results.jsonl_records import as_row
from rlbench.results.run_facts import TRAINING_EPISODES
from rlbench.runtime.record_sink import MemorySink
from rlbench.runtime.self_reported import SelfReportedLog
from rlbench.suites import Suite

LOG = "imports.jsonl"
__all__ = ["Defaults", "ImportResult", "ImportedRun", "import_runs"]


@dataclass(frozen=True)
class ImportedRun:
    """A run of an import. run: None if it was skipped. outcome: imported, already there, or why it was skipped."""

    run: Run | None
    records: ImportedRecords
    outcome: str


@dataclass(frozen=True)
class ImportResult:
    """The result of an import: each run with its outcome, the skipped sources, and sentences on budgets and scores."""

    runs: Sequence[ImportedRun] = ()
    skipped: Sequence[SkippedSource] = ()
    notes: Sequence[str] = field(default=())

    @property
    def complete(self) -> bool:
        """Whether every run of every source is in the folder now."""
        return not self.skipped and all(one.run is not None for one in self.runs)


def import_runs(
    store: Store,
    sources: ReadResult,
    defaults: Defaults,
    steps: int | None = None,
    every: int | None = None,
    replacing: bool = False,
) -> ImportResult:
    """Publish every run of the sources in the folder, and add it to the folder's suite. Keep runs that it has already.

    steps: the budget of environments that the folder does not have yet; None: the step at which most runs end.
    every: steps between the points of the learning curve; None: a tenth of the budget.
    replacing: if the folder has the same run with other rows, move that run to superseded/ and import this one.
    Raises: LockedError; ForeignError if no run can be imported, before anything is written.
    """
    store.lock()
    try:
        existing = existing_runs(store)
        folder = existing.tasks()
        named = [named_as_in(replace(one, source=_as_text(one.source)), folder) for one in sources.records]
        matched = match_runs(named, defaults, existing, replacing)
        skipped = [*sources.skipped, *matched.skipped]
        if not matched.records:
            raise _import_error(skipped)
        tasks, budgets = _tasks(matched, steps, every, existing)
        notes = [*sources.notes, *budgets, *protocol_notes(matched.records), *final_notes(matched.records, tasks)]
        planned = [
            (one, *_plan_run(one, tasks[one.algorithm, one.environment], matched.unchanged.get(place_of(one))))
            for one in matched.records
        ]
        if all(run is None for _, run, _ in planned):
            rejected = [SkippedSource(one.source, f"{one.source}: {why}") for one, _, why in planned]
            raise _import_error([*skipped, *rejected], notes)
        result = ImportResult(_import(store, matched, planned), skipped, notes)
        _log(store, result)
        return result
    finally:
        store.unlock()


def _tasks(
    matched: MatchedRuns, steps: int | None, every: int | None, existing: ExistingRuns
) -> tuple[dict[Cell, Task], list[str]]:
    """Return the task of each algorithm on each environment, and sentences on the budgets. Raises: ForeignError."""
    published = [one for one in matched.records if one.publication is not None]
    others = [one for one in matched.records if one.publication is None]
    shared = tasks_of(others, steps, every, existing.tasks(without=matched.replaced))
    own = published_tasks(published, steps, every, existing, list(matched.replaced))
    notes = budget_notes(others, shared)
    for algorithm in dict.fromkeys(label for label, _ in own):
        runs = [one for one in published if one.algorithm == algorithm]
        notes += budget_notes(
            runs, {name: task for (label, name), task in own.items() if label == algorithm}, algorithm
        )
    return {(one.algorithm, one.environment): shared[one.environment] for one in others} | own, notes


def _import_error(skipped: Sequence[SkippedSource], notes: Sequence[str] = ()) -> ForeignError:
    """Return the error for an import without runs. It states each reason once."""
    return ForeignError("\n".join(dict.fromkeys([*(one.why for one in skipped), *notes])))


def _import(
    store: Store, matched: MatchedRuns, planned: Sequence[tuple[ImportedRecords, Run | None, str]]
) -> list[ImportedRun]:
    """Publish the new runs and add them to the suite. Then move the runs that they replace to superseded/."""
    from rlbench import __version__

    runs = [run for _, run, _ in planned if run is not None]
    imported, published, replaced = list[ImportedRun](), list[Run](), list[Run]()
    try:
        for one, run, why in planned:
            outcome = _publish(store, run, one, published) if run is not None else why
            earlier = matched.replaced.get(place_of(one))
            if earlier is not None and (run is None or earlier.run.name != run.name):
                replaced.append(earlier.run)
                outcome += "; the previous run is in superseded/"
            imported.append(ImportedRun(run, one, outcome))
    finally:  # after an error, the runs that are already published are added to the suite
        if published or replaced:
            store.add_imported(published, _suite(store.root.name, runs), __version__, replaced)
    copies = [
        ImportedRun(one.run, copy, f"the same rows as {first.source}: imported once")
        for copy, first in matched.copies
        for one in imported
        if one.records is first
    ]
    return [*imported, *copies]


def _log(store: Store, result: ImportResult) -> None:
    """Append the outcome of all runs and sources to the folder's log of imports."""
    from rlbench import __version__

    if not (store.root / "suite.json").exists():
        return
    runs = [
        {
            "algorithm": one.records.algorithm,
            "environment": one.records.environment,
            "seed": one.records.seed,
            "from": one.records.source,
            "folder": None if one.run is None else one.run.name,
            "outcome": one.outcome,
            "notes": list(one.records.notes),
        }
        for one in result.runs
    ]
    skipped = [asdict(one) for one in result.skipped]
    line = {"schema_version": 1, "rlbench": __version__, "runs": runs, "skipped": skipped, "notes": list(result.notes)}
    append_line(store.root / LOG, json.dumps(line))


def _plan_run(records: ImportedRecords, task: Task, unchanged: EarlierImport | None) -> tuple[Run | None, str]:
    """Return the run for these records and ""; if they are skipped, None and the reason.

    unchanged: the folder's run with the same rows, if there is one. The returned run equals it, even if the file was
    renamed.
    """
    for name in (records.algorithm, task.env_id):
        if not _is_storable(name):
            return (
                None,
                f"skipped: the name {name!r} has half of a surrogate pair, which no file can hold; rename it there",
            )
    last = records.rows[-1].step
    if last < ENOUGH * task.steps:
        return None, f"skipped: it ends at step {last} of {task.steps}, before {ENOUGH:.0%} of the budget"
    if not any(row.step <= task.steps for row in records.rows):
        return None, f"skipped: it has no rows within the budget of {task.steps} steps"
    name = Path(records.source).name if unchanged is None else unchanged.run.config[ORIGIN]
    origin = {ORIGIN: name, "content": content_of(records)}
    return Run(f"{ORIGIN}/{records.algorithm}", origin, task, int(records.seed or 0), records.algorithm), ""


def _suite(name: str, runs: Sequence[Run]) -> dict[str, Any]:
    """Return a suite that contains the runs, as JSON values."""
    environments = [
        {"id": task.env_id, "label": task.label, "steps": task.steps, "evaluation": {"every": task.evaluation.every}}
        for task in {run.task.name: run.task for run in runs}.values()
    ]
    algorithms = [{"id": i, "label": label} for i, label in {run.algorithm: run.label for run in runs}.items()]
    suite = Suite.model_validate(
        {"name": slug(name, 60), "algorithms": algorithms, "environments": environments, "seeds": 1}
    )
    # The range of seeds in suites is limited, because random numbers derive from them. Here they are only names.
    return suite.resolved() | {"seeds": sorted({run.seed for run in runs})}


def _episodes_scored(records: ImportedRecords, budget: int) -> int:
    """Return the number of training returns, from the last one back, whose mean is the score."""
    if records.publication is not None:
        return points_scored(records.rows, budget)
    return 1 if records.means else TRAINING_EPISODES


def _training_return(sink: MemorySink, latest: int) -> dict[str, float]:
    """Return an entry with the training return, unless it is the mean of the last 100 episodes; then return {}."""
    returns = [episode.return_ for episode in sink.episodes[-latest:]]
    return {"training_return": math.fsum(returns) / len(returns)} if returns and latest != TRAINING_EPISODES else {}


def _publish(store: Store, run: Run, records: ImportedRecords, published: list[Run]) -> str:
    """Publish a run, and append it to `published`. Returns: the outcome in words."""
    sink = MemorySink()
    seconds = records.seconds if 0 <= (records.seconds or 0) <= LONGEST_SECONDS else None
    latest = _episodes_scored(records, run.task.steps)
    log = SelfReportedLog(
        run.task.evaluation, run.task.steps, run.seed, sink, lambda: seconds or math.nan, latest=latest
    )
    diverged_at = None
    within = sorted(
        (row for row in records.rows if row.step <= run.task.steps), key=lambda row: (row.step, row.evaluation)
    )
    for (step, evaluation), rows in groupby(within, key=lambda row: (row.step, row.evaluation)):
        same_step = list(rows)
        if not all(abs(row.return_) <= LARGEST_RETURN for row in same_step):
            diverged_at = step
            break
        if evaluation:
            log.evaluation(step, [row.return_ for row in same_step])
        else:
            for row in same_step:
                log.episode(step, row.return_, row.length)
    if diverged_at is None:
        log.finish(records.scored_by(run.task.steps))
    facts = {
        "status": RunStatus.DONE if diverged_at is None else RunStatus.DIVERGED,
        "message": "" if diverged_at is None else f"diverged at step {diverged_at}",
        "steps": run.task.steps if diverged_at is None else diverged_at,
        "diverged_at": diverged_at,
        "wall_seconds": seconds,
        "metering": "self-reported",
        # A run that diverged before its first evaluation is still scored by evaluations.
        "score_from": "evaluation" if any(row.evaluation for row in records.rows) else log.score_from,
        "reproducible": False,
        "stack_size": 1,
        "resumed_from": 0,
        ORIGIN: {
            "from": records.source,
            "rows": len(records.rows),
            "beyond": rows_beyond(records, run.task),
            "notes": list(records.notes),
            **_training_return(sink, latest),
            **({PUBLISHED: records.publication.as_entry()} if records.publication is not None else {}),
        },
    }
    tables: dict[str, dict[int, list[dict[str, Any]]]] = {
        "episodes": {run.seed: [as_row("episodes", record) for record in sink.episodes]},
        "evaluations": {run.seed: [as_row("evaluations", record) for record in sink.evaluations]},
        "metrics": {},
    }
    store.describe_run(run)
    fresh = publish(store.folder(run), run, Path(ORIGIN), {}, facts, tables)
    published.append(run)
    divergence = "" if diverged_at is None else f": diverged at step {diverged_at:,}"
    return f"imported{divergence}" if fresh else f"already there: kept{divergence}"


def _as_text(path: str) -> str:
    """Return a path with "?" for bytes that are not UTF-8, because JSON cannot store them."""
    return path.encode("utf-8", "replace").decode()


def _is_storable(text: str) -> bool:
    """Return whether text can be encoded in UTF-8. Half of a surrogate pair, which JSON may contain, cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
