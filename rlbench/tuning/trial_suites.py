"""The suites that tuning runs: one with each trial as an algorithm, and the final comparison on the suite's own seeds.

Both are ordinary suites, planned and run as any other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rlbench.suites import LoadedSuite, Suite
from rlbench.suites.search_space import space_name
from rlbench.suites.source_location import Location, Problem, Source
from rlbench.suites.suite_models import AlgorithmEntry
from rlbench.suites.tuned_models import TunedEntry
from rlbench.text import plural
from rlbench.tuning.random_search import Setting

LONGEST_NAME = 61


def trial_label(algorithm: str, number: int) -> str:
    return f"{algorithm} trial {number}"


def tuned_label(algorithm: str) -> str:
    return f"{algorithm} tuned"


def tuning_suite(
    loaded: LoadedSuite, settings: Mapping[str, Sequence[Setting]], seeds: Mapping[str, Sequence[int]]
) -> LoadedSuite:
    """Return the suite of all trials, with seeds of the tuning space.

    settings: the setting of each trial, by the algorithm's label. seeds: how many seeds each of these trials has.
    """
    entries = []
    for i, algorithm in enumerate(loaded.suite.algorithms):
        for number, setting in enumerate(settings.get(algorithm.name, ())):
            count = seeds[algorithm.name][number]
            label = trial_label(algorithm.name, number)
            changes: dict[str, Any] = {"label": label, "seeds": tuple(range(count)), "tuned": None}
            entries.append((i, setting, _changed(algorithm, setting, changes)))
    most = max(max(counts) for counts in seeds.values())
    changes = {"seeds": tuple(range(most)), "seed_space": "tuning"}
    return _derived(loaded, entries, f"{loaded.suite.name}-tuning", keep_budgets=False, **changes)


def final_suite(
    loaded: LoadedSuite, chosen: Mapping[str, Setting], tuned: Mapping[str, TunedEntry] | None = None
) -> LoadedSuite:
    """Return the suite with each chosen setting beside the suite's own setting, with seeds of the training space.

    chosen: by the algorithm's label; an empty setting is the suite's own, which is then listed once. tuned: by the same
    label, what the search cost.
    """
    tuned = tuned or {}
    entries: list[tuple[int, Setting, AlgorithmEntry]] = []
    for i, algorithm in enumerate(loaded.suite.algorithms):
        if setting := chosen.get(algorithm.name):
            changes = {"label": tuned_label(algorithm.name), "tuned": tuned.get(algorithm.name)}
            entries.append((i, setting, _changed(algorithm, setting, changes)))
        elif algorithm.name in tuned:  # the search has chosen the suite's own setting
            algorithm = algorithm.model_copy(update={"tuned": tuned[algorithm.name]})
        entries.append((i, {}, algorithm))
    return _derived(loaded, entries, f"{loaded.suite.name}-final", keep_budgets=True, seed_space="training")


def _changed(algorithm: AlgorithmEntry, setting: Setting, changes: Mapping[str, Any]) -> AlgorithmEntry:
    return algorithm.model_copy(update={"params": {**algorithm.params, **setting}, **changes})


def _derived(
    loaded: LoadedSuite,
    entries: Sequence[tuple[int, Setting, AlgorithmEntry]],
    name: str,
    keep_budgets: bool,
    **changes: Any,
) -> LoadedSuite:
    """Return a copy of a suite with other algorithms.

    entries: for each algorithm, the index of the original entry, the setting, and the new entry. New entries get the
    budgets of the original ones. keep_budgets: whether the new suite has all algorithms that `per_algorithm` names.
    """
    suite = loaded.suite
    environments = []
    for environment in suite.environments:
        given = environment.per_algorithm
        budgets = {label: entry for label, entry in given.items() if keep_budgets}
        for i, _, entry in entries:
            # The label comes last: a budget for the label replaces one for the id.
            for known in (suite.algorithms[i].id, suite.algorithms[i].name):
                if known in given:
                    budgets[entry.name] = given[known]
        environments.append(environment.model_copy(update={"per_algorithm": budgets}))
    parts = {"name": name[:LONGEST_NAME], "algorithms": tuple(entry for *_, entry in entries), "tune": None}
    derived = suite.model_copy(update={**parts, "environments": tuple(environments), **changes})
    places = {k: (i, _places(suite, i, setting)) for k, (i, setting, _) in enumerate(entries)}
    source = loaded.source
    return LoadedSuite(derived, DerivedSource(source.path, source.text, source.document, source.spellings, places))


def _places(suite: Suite, i: int, setting: Setting) -> dict[str, Location]:
    name = space_name(suite, suite.algorithms[i])
    return {parameter: ("tune", "space", str(name), parameter) for parameter in setting}


@dataclass(frozen=True)
class DerivedSource(Source):
    """The text of an original suite, to which problems of a suite derived from it refer.

    places: for each algorithm of the derived suite, its index in the original, and the places of its drawn
    hyperparameters.
    """

    places: Mapping[int, tuple[int, Mapping[str, Location]]] = field(default_factory=dict)

    def describe(self, problems: Sequence[Problem]) -> str:
        """Return every problem as `Source.describe` does, at the place in the original text that causes it.

        If an algorithm refuses values that were drawn together, the problem is reported once, at their space.
        """
        told: list[Problem] = []
        refused: dict[Location, int] = {}
        for problem in problems:
            if (space := self._space(problem.location)) is None:
                told.append(problem._replace(location=self._original(problem.location)))
                continue
            refused[space] = refused.get(space, 0) + 1
            if refused[space] == 1:
                told.append(problem._replace(location=space, at_key=True))
        return super().describe([_with_advice(problem, refused.get(problem.location, 0)) for problem in told])

    def _space(self, location: Location) -> Location | None:
        """Return the place of the space whose drawn values cause a problem; None if the problem has another cause."""
        if len(location) != 3 or location[0] != "algorithms" or location[2] != "params":
            return None
        _, drawn = self.places.get(int(location[1]), (0, {}))
        return next((place[:3] for place in drawn.values()), None)

    def _original(self, location: Location) -> Location:
        if len(location) < 2 or location[0] != "algorithms" or location[1] not in self.places:
            return location
        i, drawn = self.places[int(location[1])]
        if len(location) > 3 and location[2] == "params" and location[3] in drawn:
            return drawn[str(location[3])]
        return ("algorithms", i, *location[2:])


def _with_advice(problem: Problem, trials: int) -> Problem:
    """Add advice to a problem of a space. trials: how many trials have the problem; 0: it is not about a space."""
    if not trials:
        return problem
    others = f" (and {plural(trials - 1, 'other trial')})" if trials > 1 else ""
    advice = "choose values that the algorithm accepts in every combination, for instance with `choice`"
    return problem._replace(message=f"{problem.message}{others}; {advice}")
