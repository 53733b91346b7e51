"""Label, environment and seed of imported runs, and matching of these runs with the runs in the folder."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from rlbench.api import Run, Task, canonical
from rlbench.importers import ForeignError, ImportedRecords, SkippedSource
from rlbench.results import Store
from rlbench.results.requested_runs import DamagedRun
from rlbench.results.score_anchors import name_of

ORIGIN, PUBLISHED = "imported", "published"  # entries of result.json; `published` is inside `imported`
SEEDS = range(1 - (1 << 63), 1 << 63)  # the values of a 64-bit column
Place = tuple[str, str, int]  # label, environment, seed


@dataclass(frozen=True)
class Defaults:
    """The algorithm, environment and seed of sources that do not name their own."""

    algorithm: str | None = None
    environment: str | None = None
    seed: int | None = None


@dataclass(frozen=True)
class EarlierImport:
    """A run that was imported before.

    content: a hash of its rows. source: the file or folder of the rows. rows: their number. published: whether a
    project published the run.
    """

    run: Run
    content: str
    source: str
    rows: int
    published: bool = False


@dataclass(frozen=True)
class ExistingRuns:
    """The runs in a folder.

    metered: runs that rlbench trained. imported: imported runs, by place. budgets: the suite's budgets, by environment.
    """

    metered: Sequence[Run] = ()
    imported: Mapping[Place, EarlierImport] = field(default_factory=dict)
    budgets: Mapping[str, int] = field(default_factory=dict)

    def tasks(self, without: Iterable[Place] = ()) -> dict[str, Task]:
        """Return the task of each environment. Ignore runs at the places in `without`.

        If some algorithms have their own budgets, the task has the suite's budget for the environment. Published runs
        are ignored, because their budgets belong to their algorithms.
        """
        ignored = set(without)
        others = (one for place, one in self.imported.items() if place not in ignored and not one.published)
        runs = [*self.metered, *(one.run for one in others)]
        tasks = {run.task.name: run.task for run in runs}
        return tasks | {run.task.name: run.task for run in runs if run.task.steps == self.budgets.get(run.task.name)}

    def published(self, without: Iterable[Place] = ()) -> dict[tuple[str, str], Task]:
        """Return the task of each published algorithm, by label and environment. Ignore runs at places in `without`."""
        ignored = set(without)
        kept = [one.run for place, one in self.imported.items() if one.published and place not in ignored]
        return {(run.label, run.task.name): run.task for run in kept}


@dataclass
class MatchedRuns:
    """Runs to import, and how they relate to the folder.

    records: the runs to import, with label, environment and seed. skipped: runs that are not imported. copies: pairs of
    a run that is not imported and a run in `records` with the same place and rows. replaced: runs in the folder that
    are replaced, by place. unchanged: runs in the folder with the same rows, by place.
    """

    records: list[ImportedRecords] = field(default_factory=list)
    skipped: list[SkippedSource] = field(default_factory=list)
    copies: list[tuple[ImportedRecords, ImportedRecords]] = field(default_factory=list)
    replaced: dict[Place, EarlierImport] = field(default_factory=dict)
    unchanged: dict[Place, EarlierImport] = field(default_factory=dict)


def existing_runs(store: Store) -> ExistingRuns:
    """Return the runs in a folder. Raises: StoreError if a newer version wrote it."""
    if not (store.root / "suite.json").exists():
        return ExistingRuns()
    runs, entries = [run for run in store.runs() if not isinstance(run, DamagedRun)], store.imported()
    imported = [run for run in runs if run.name in entries]
    states = store.states(imported)
    earlier = {}
    for run in imported:
        origin = states[run.key].result.get(ORIGIN, {})
        place = run.label, run.task.name, run.seed
        earlier[place] = EarlierImport(
            run,
            str(run.config.get("content")),
            str(origin.get("from", "")),
            int(origin.get("rows", 0)),
            PUBLISHED in origin,
        )
    budgets = {name_of(entry): entry.get("steps") for entry in store.suite()["suite"].get("environments", ())}
    return ExistingRuns([run for run in runs if run.name not in entries], earlier, budgets)


def content_of(records: ImportedRecords) -> str:
    """Return a hash of the rows. The path of the file and the names of the run do not affect it."""
    rows = [list(row) for row in records.rows]
    marks = [*(["means"] if records.means else []), *([["final", *records.final]] if records.final else [])]
    return hashlib.sha256(canonical([*rows, *marks]).encode()).hexdigest()[:16]


def place_of(records: ImportedRecords) -> Place:
    return records.algorithm, records.environment, int(records.seed or 0)


def match_runs(
    runs: Sequence[ImportedRecords], defaults: Defaults, existing: ExistingRuns, replacing: bool = False
) -> MatchedRuns:
    """Give every run a label, an environment and a seed, and match it with the runs in the folder.

    If the folder has metered runs with the same label, " (imported)" is added to the label. Runs without a seed are
    numbered for each label and environment, beginning after the seeds in the folder. replacing: whether a run replaces
    the folder's run with the same place if their rows differ; otherwise it is skipped.
    """
    result, by_place, unnumbered = MatchedRuns(), dict[Place, list[ImportedRecords]](), list[ImportedRecords]()
    metered = {run.label for run in existing.metered}
    for run in runs:
        try:
            named = _add_names(run, defaults, metered)
        except ForeignError as error:
            result.skipped.append(SkippedSource(run.source, str(error)))
            continue
        if named.seed is None:
            unnumbered.append(named)
        else:
            by_place.setdefault(place_of(named), []).append(named)
    first_with: dict[tuple[str, str, str], ImportedRecords] = {}
    for run in unnumbered:
        twin = first_with.setdefault((run.algorithm, run.environment, content_of(run)), run)
        if twin is not run:
            why = f"the same rows as {twin.source}; if it is another run, give its seed by --path or a column"
            result.skipped.append(SkippedSource(run.source, f"{run.source}: {why}"))
            continue
        numbered = _add_seed(run, existing, by_place)
        by_place.setdefault(place_of(numbered), []).append(numbered)
    for place, candidates in by_place.items():
        _choose(place, candidates, existing, replacing, result)
    return result


def _add_names(run: ImportedRecords, defaults: Defaults, metered: Iterable[str]) -> ImportedRecords:
    """Return the run with its label, environment and seed; an unknown seed is None. Raises: ForeignError."""
    algorithm = _require(run, "algorithm", run.algorithm or defaults.algorithm)
    environment = _require(run, "environment", run.environment or defaults.environment)
    label = f"{algorithm} (imported)" if algorithm in metered else algorithm
    seed = defaults.seed if run.seed is None else run.seed
    if seed is not None and seed not in SEEDS:
        raise ForeignError(f"{run.source}: seed {seed} needs more than 64 bits")
    return replace(run, algorithm=label, environment=environment, seed=seed)


def _require(run: ImportedRecords, name: str, value: str | None) -> str:
    if not value:
        raise ForeignError(
            f"{run.source} does not name its {name}; pass --{name} NAME, or --path if the path contains it"
        )
    return value


def _add_seed(run: ImportedRecords, existing: ExistingRuns, used_places: Iterable[Place]) -> ImportedRecords:
    """Return the run with the seed of an earlier import with the same rows or source, else with the next free seed."""
    content = content_of(run)
    earlier = {
        place[2]: one for place, one in existing.imported.items() if place[:2] == (run.algorithm, run.environment)
    }
    same = [seed for seed, one in earlier.items() if one.content == content]
    same += [seed for seed, one in earlier.items() if one.source == run.source]
    used = [place[2] for place in used_places if place[:2] == (run.algorithm, run.environment)]
    return replace(run, seed=same[0] if same else max([*earlier, *used], default=-1) + 1)


def _choose(
    place: Place,
    candidates: Sequence[ImportedRecords],
    existing: ExistingRuns,
    replacing: bool,
    result: MatchedRuns,
) -> None:
    """Decide which candidate for a place to import, and add the decision to `result`."""
    label, environment, seed = place
    first, name = candidates[0], f"{label} on {environment}, seed {seed},"
    content = content_of(first)
    if any(content_of(other) != content for other in candidates):
        for run in candidates:
            others = ", ".join(dict.fromkeys(other.source for other in candidates if other is not run))
            why = f"{run.source}: {name} is also in {others}; give the seeds by --path, a column, or --seed"
            result.skipped.append(SkippedSource(run.source, why))
        return
    earlier = existing.imported.get(place)
    if earlier is not None and earlier.content != content and not replacing:
        why = (
            f"{first.source}: {name} is already in the folder with other rows ({earlier.rows} from {earlier.source}, "
            f"now {len(first.rows)}); --replace replaces them; if it is another run, give its seed by --path, a "
            "column, or --seed"
        )
        result.skipped.append(SkippedSource(first.source, why))
        return
    if earlier is not None and earlier.content == content:
        result.unchanged[place] = earlier
    if earlier is not None and replacing:
        result.replaced[place] = earlier
    result.records.append(first)
    result.copies += [(other, first) for other in candidates[1:]]
