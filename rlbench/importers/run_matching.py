"""Which run each of those that are imported is: its label, environment and seed, and what of it a folder has already."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from rlbench.api import Run, Task, canonical
from rlbench.importers import ForeignError, Skipped, Told
from rlbench.results import Store
from rlbench.results.requested_runs import DamagedRun

ORIGIN = "imported"
SEEDS = range(-(1 << 63), 1 << 63)  # what a table's column holds
Place = tuple[str, str, int]  # label, environment, seed


@dataclass(frozen=True)
class Missing:
    """What stands in where a file does not say: of the algorithm, the environment, the seed."""

    algorithm: str | None = None
    environment: str | None = None
    seed: int | None = None


@dataclass(frozen=True)
class Earlier:
    """A run that was imported before. content: a hash of its rows; source: where they came from; rows: how many."""

    run: Run
    content: str
    source: str
    rows: int


@dataclass(frozen=True)
class There:
    """What a folder has: the runs that were not imported, those that were, and the budgets of its suite by environment."""

    metered: Sequence[Run] = ()
    imported: Mapping[Place, Earlier] = field(default_factory=dict)
    budgets: Mapping[str, int] = field(default_factory=dict)

    def tasks(self, without: Iterable[Place] = ()) -> dict[str, Task]:
        """The task of each environment, by the runs that are not at these places.

        Where algorithms were given budgets of their own, the environment's is taken.
        """
        gone = set(without)
        runs = [*self.metered, *(one.run for place, one in self.imported.items() if place not in gone)]
        found = {run.task.env_id: run.task for run in runs}
        return found | {
            run.task.env_id: run.task for run in runs if run.task.steps == self.budgets.get(run.task.env_id)
        }


@dataclass
class Matched:
    """told: runs that can be imported, each with its place. skipped: those that cannot, and why. copies: the same rows
    again, and whose. replaced: what is in the folder in the place of some; alike: what is in it with the same rows."""

    told: list[Told] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    copies: list[tuple[Told, Told]] = field(default_factory=list)
    replaced: dict[Place, Earlier] = field(default_factory=dict)
    alike: dict[Place, Earlier] = field(default_factory=dict)


def there(store: Store) -> There:
    """Raises: StoreError for a folder of a newer version."""
    if not (store.root / "suite.json").exists():
        return There()
    runs, entries = [run for run in store.runs() if not isinstance(run, DamagedRun)], store.imported()
    imported = [run for run in runs if run.name in entries]
    states = store.states(imported)
    found = {}
    for run in imported:
        origin = states[run.key].result.get(ORIGIN, {})
        place = run.label, run.task.env_id, run.seed
        found[place] = Earlier(
            run, str(run.config.get("content")), str(origin.get("from", "")), int(origin.get("rows", 0))
        )
    budgets = {entry["id"]: entry.get("steps") for entry in store.suite()["suite"].get("environments", ())}
    return There([run for run in runs if run.name not in entries], found, budgets)


def content_of(told: Told) -> str:
    """A hash of what was told, wherever it lies and whatever it is called."""
    rows = [list(row) for row in told.rows]
    return hashlib.sha256(canonical([*rows, "means"] if told.means else rows).encode()).hexdigest()[:16]


def place_of(told: Told) -> Place:
    return told.algorithm, told.environment, int(told.seed or 0)


def match(told: Sequence[Told], missing: Missing, known: There, replacing: bool = False) -> Matched:
    """Every run with its label, environment and seed, so far as they can be known.

    One that is called as what the folder's own runs are gets another label. Seeds that nobody gave are counted, by label and
    environment, on from those in the folder. replacing: what has other rows than the folder's run takes its place.
    """
    found, asked, unnumbered = Matched(), dict[Place, list[Told]](), list[Told]()
    metered = {run.label for run in known.metered}
    for one in told:
        try:
            named = _named(one, missing, metered)
        except ForeignError as error:
            found.skipped.append(Skipped(one.source, str(error)))
            continue
        if named.seed is None:
            unnumbered.append(named)
        else:
            asked.setdefault(place_of(named), []).append(named)
    counted: dict[tuple[str, str, str], Told] = {}
    for one in unnumbered:
        twin = counted.setdefault((one.algorithm, one.environment, content_of(one)), one)
        if twin is not one:
            why = f"{one.source}: the same rows as {twin.source}; where it is another run, say its seed by --path or a column"
            found.skipped.append(Skipped(one.source, why))
            continue
        named = _count(one, known, asked)
        asked.setdefault(place_of(named), []).append(named)
    for place, several in asked.items():
        _choose(place, several, known, replacing, found)
    return found


def _named(told: Told, missing: Missing, metered: Iterable[str]) -> Told:
    """The run with its label and environment, and its seed where somebody says it. Raises: ForeignError."""
    algorithm = _said(told, "algorithm", told.algorithm or missing.algorithm)
    environment = _said(told, "environment", told.environment or missing.environment)
    label = f"{algorithm} (imported)" if algorithm in metered else algorithm
    seed = missing.seed if told.seed is None else told.seed
    if seed is not None and seed not in SEEDS:
        raise ForeignError(f"{told.source}: seed {seed} takes more than 64 bits")
    return replace(told, algorithm=label, environment=environment, seed=seed)


def _said(told: Told, name: str, value: str | None) -> str:
    if not value:
        raise ForeignError(
            f"{told.source} does not say its {name}; say --{name} NAME, or --path where it is in the path"
        )
    return value


def _count(told: Told, known: There, taken: Iterable[Place]) -> Told:
    """The run with the seed of the one that it is, by its rows or where it came from; else with the next that is free."""
    content = content_of(told)
    alike = {place[2]: one for place, one in known.imported.items() if place[:2] == (told.algorithm, told.environment)}
    same = [seed for seed, one in alike.items() if one.content == content]
    same += [seed for seed, one in alike.items() if one.source == told.source]
    used = [place[2] for place in taken if place[:2] == (told.algorithm, told.environment)]
    return replace(told, seed=same[0] if same else max([*alike, *used], default=-1) + 1)


def _choose(place: Place, several: Sequence[Told], known: There, replacing: bool, found: Matched) -> None:
    """Decide what becomes of those that would be one and the same run."""
    label, environment, seed = place
    first, name = several[0], f"{label} on {environment}, seed {seed},"
    content = content_of(first)
    if any(content_of(other) != content for other in several):
        for one in several:
            others = ", ".join(dict.fromkeys(other.source for other in several if other is not one))
            why = (
                f"{one.source}: {name} is another run already ({others}); say the seeds by --path, a column, or --seed"
            )
            found.skipped.append(Skipped(one.source, why))
        return
    earlier = known.imported.get(place)
    if earlier is not None and earlier.content != content and not replacing:
        why = (
            f"{first.source}: {name} is there already with other rows ({earlier.rows} from {earlier.source}, now "
            f"{len(first.rows)}); --replace puts these in their place; where it is another run, say its seed by --path, a "
            "column, or --seed"
        )
        found.skipped.append(Skipped(first.source, why))
        return
    if earlier is not None and earlier.content == content:
        found.alike[place] = earlier
    if earlier is not None and replacing:
        found.replaced[place] = earlier
    found.told.append(first)
    found.copies += [(other, first) for other in several[1:]]
