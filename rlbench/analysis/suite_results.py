"""Results of a suite: its folder, read once, with scores and comparisons as tidy pandas frames.

Commands, report sections, notebooks and the gate all read this one object.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import replace
from functools import cached_property
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from rlbench.analysis.caveats import caveats_of
from rlbench.analysis.final_scores import Scores, scores_of
from rlbench.analysis.learning_curves import LearningCurves, curves_of
from rlbench.analysis.reached_stages import with_stages
from rlbench.analysis.score_cells import Cell, score_cells
from rlbench.analysis.sensitivity import Sensitivity, sensitivity
from rlbench.analysis.tuning_budgets import budgets_of, tuning_budgets
from rlbench.api import Run, RunStatus
from rlbench.api.series_styles import SeriesStyle, series_styles
from rlbench.results import RunState, Store
from rlbench.results.random_policy import is_random
from rlbench.results.results_index import Index, read_facts, read_index
from rlbench.results.run_facts import RunFacts
from rlbench.results.run_rows import RunRow, run_rows
from rlbench.results.run_selection import matching_runs
from rlbench.results.score_anchors import Anchors, anchors_of, supplied_anchors
from rlbench.suites.tuned_models import TunedEntry

if TYPE_CHECKING:
    import pandas as pd

    from rlbench.analysis.crossplay_gaps import CrossPlays
    from rlbench.analysis.pairwise import Comparison
    from rlbench.analysis.sequential_log import Decisions

MANY_RUNS, RESAMPLES_IF_LARGE = 2_000, 1_000  # more runs are only compared over all tasks; single tasks take minutes
_MOST_READINGS = 5  # while another process moves runs to superseded/, the folder is read again at most this often
SuppliedAnchors = str | Path | Mapping[str, Any]


class Results:
    """A result folder, read once. Reading takes no lock and works while the suite runs.

    Runs published later are not in it: load the folder again to see them.

    anchors: anchors for tasks that have none, or to replace a task's own. Either a file written by `rlbench anchors -o
    FILE`, or a mapping from environments (label or id) to {"lower": …, "upper": …}.
    """

    def __init__(self, folder: str | Path | Store, anchors: SuppliedAnchors | None = None) -> None:
        self.store = folder if isinstance(folder, Store) else Store(Path(folder).expanduser())
        self.supplied = supplied_anchors(anchors)
        self.document: Mapping[str, Any] = self.store.suite()
        """The contents of suite.json. The constructor reads it, so a folder without results fails at once."""

    # -- what the folder contains. Each is read when first used, and then kept --------------------------------------
    @property
    def folder(self) -> Path:
        return self.store.root

    @property
    def suite(self) -> Mapping[str, Any]:
        """The suite with all defaults filled in."""
        suite: Mapping[str, Any] = self.document["suite"]
        return suite

    @property
    def name(self) -> str:
        return str(self.suite["name"])

    @cached_property
    def _index(self) -> Index:
        """The folder's cache of these runs. It is read before the runs, so that a run that changes later is noticed."""
        return read_index(self.store, [entry["folder"] for entry in self.document["runs"]])

    @cached_property
    def requested(self) -> tuple[Run, ...]:
        """The suite's runs in its order, trained or not."""
        return tuple(self.store.runs(self.document, self._index.runs))

    @cached_property
    def run_by_key(self) -> Mapping[str, Run]:
        return {str(run.key): run for run in self.requested}

    @cached_property
    def states(self) -> Mapping[str, RunState]:
        """The state of each requested run, by key."""
        return {str(key): state for key, state in self.store.states(self.requested, self._index.states).items()}

    @cached_property
    def facts(self) -> Mapping[str, RunFacts]:
        """Summaries of the published runs' tables, by key. A run moved away meanwhile does not count as damaged."""
        facts = read_facts(self.store, self.requested, self.states, self._index)
        for _ in range(_MOST_READINGS):
            if not any(fact.damaged for fact in facts.values()):
                break
            states = {str(key): state for key, state in self.store.states(self.requested).items()}
            if states == self.states:
                break
            self.states = states
            facts = read_facts(self.store, self.requested, states)
        return facts

    @cached_property
    def anchors(self) -> Mapping[str, Anchors]:
        """The anchors of each task that has some, by environment."""
        return anchors_of(self.suite, {run.task.name: run.task for run in self.requested}, self.supplied)

    @cached_property
    def rows(self) -> Sequence[RunRow]:
        """A row for each requested run. Damaged tables make a run corrupt."""
        facts = self.facts  # first, because it may read the states again
        return run_rows(self.requested, self.states, facts, self.anchors)

    @cached_property
    def table(self) -> pd.DataFrame:
        """`rows` as the frame that `runs` copies. Do not change it."""
        from rlbench.results.run_table import run_table

        return run_table(self.rows)

    @cached_property
    def published(self) -> Mapping[str, RunState]:
        """The states of the runs that have a score, by key."""
        return {row.key: self.states[row.key] for row in self.rows if RunStatus(row.status).has_score}

    def failed_pairs(self) -> list[str]:
        """Return a sentence for each pair of algorithm and environment that has no runs because a plugin is broken."""
        pairs = [pair for pair in self.document.get("skipped", ()) if pair.get("status") == RunStatus.FAILED]
        return [RunStatus.FAILED.describe(f"{p['algorithm']} on {p['environment']}: {p['reason']}") for p in pairs]

    def results_of(self, rows: pd.DataFrame) -> list[Mapping[str, Any]]:
        """Return the contents of result.json for each run in `rows`, a part of the run table, that has a score."""
        return [self.published[key].result for key in rows["key"] if key in self.published]

    @cached_property
    def rows_by_cell(self) -> Mapping[tuple[str, str], pd.DataFrame]:
        """Rows of the run table by environment and algorithm."""
        groups = self.table.groupby(["environment", "algorithm"], sort=False)
        return {(str(environment), str(algorithm)): rows for (environment, algorithm), rows in groups}

    def score_of(self, run: Run) -> float:
        """Return a run's score; NaN if it has none."""
        return float(self._score_by_key[str(run.key)])

    @cached_property
    def _score_by_key(self) -> pd.Series[float]:
        return self.table.set_index("key")["score"]

    def rows_of(self, cell: Cell) -> pd.DataFrame:
        """Return the cell's rows of the run table, including those without a score."""
        return self.rows_by_cell.get((cell.environment, cell.algorithm), self.table.iloc[:0])

    def select(self, algorithms: Sequence[str] = (), environments: Sequence[str] = ()) -> Self:
        """Return the same results with only the algorithms and environments that match a pattern, as in "*dqn".

        Patterns match labels and ids; without patterns, all match. Colours and verdicts are those of the whole folder,
        because leaving pairs out makes no verdict more certain. Raises: RlbenchError for a pattern without a match.
        """
        chosen = matching_runs(self.requested, algorithms, environments)
        part = copy(self)
        for name in [name for name in vars(part) if isinstance(getattr(type(self), name, None), cached_property)]:
            del part.__dict__[name]
        labels = {run.label or run.algorithm for run in chosen}
        tasks = {run.task.name for run in chosen}
        pairs = self.all_pairs
        rows = (row for row in pairs.rows if {row.ours, row.theirs} <= labels)
        every_task = tasks == {run.task.name for run in self.requested}  # else, no verdict over tasks applies
        kept = tuple(row for row in rows if (row.environment in tasks if row.environment else every_task))
        part.__dict__ |= {"requested": chosen, "styles": self.styles, "all_pairs": replace(pairs, rows=kept)}
        return part

    # -- what is computed from it, as values ------------------------------------------------------------------------
    @cached_property
    def final_scores(self) -> Scores:
        """Final scores as arrays, raw and normalised between anchors."""
        tasks = {key: run.task for key, run in self.run_by_key.items()}
        scores = scores_of(self.rows, tasks, self.anchors, self.name, self.states, tuning_budgets(self.suite))
        return with_stages(scores, self.store, self.run_by_key, self.states)

    @cached_property
    def tuned(self) -> Mapping[str, TunedEntry | None]:
        """What the suite says about the search for each learner's hyperparameters, by label; None if it is unknown."""
        return budgets_of(self.final_scores.learners, self.final_scores.tuned)

    @cached_property
    def learning_curves(self) -> Mapping[tuple[str, str], LearningCurves]:
        """Learning curves by environment and algorithm, for pairs with a scored run."""
        curves = {}
        for pair, rows in self.rows_by_cell.items():
            # Not Series.isin, which would build an array of the keys of all runs for every cell.
            scored = rows[[key in self.published for key in rows["key"]]]
            if len(scored):
                curves[pair] = curves_of(scored, self.facts, self.states)
        return curves

    @property
    def only_over_all_tasks(self) -> bool:
        """Whether `all_pairs` leaves single tasks out, because it would take minutes."""
        return len(self.rows) > MANY_RUNS and len(self.final_scores.anchors) > 1

    @cached_property
    def all_pairs(self) -> Comparison:
        """Every pair of learners that share a task, as one family: the verdicts of the report."""
        from rlbench.analysis.pairwise import Side, compare

        scores = self.final_scores
        scored = {name: set(scores.of(name)) for name in scores.learners}
        pairs = [(Side(scores, a, a), Side(scores, b, b)) for a, b in combinations(scored, 2) if scored[a] & scored[b]]
        return (
            compare(pairs, resamples=RESAMPLES_IF_LARGE, by_task=False) if self.only_over_all_tasks else compare(pairs)
        )

    @cached_property
    def cells(self) -> Sequence[Cell]:
        """The score of each algorithm on each task, with its caveats."""
        decisions = self.sequential_decisions if self.document.get("adaptive") else None
        return score_cells(self.rows, caveats_of(self.rows, self.states, decisions, self.sweeps.extremes))

    @property
    def tasks(self) -> list[str]:
        """Environments, in the suite's order."""
        return list(dict.fromkeys(cell.environment for cell in self.cells))

    @cached_property
    def styles(self) -> Mapping[str, SeriesStyle]:
        """How each algorithm is drawn, by label. The suite's order decides."""
        listed = [str(entry.get("label") or entry["id"]) for entry in self.suite.get("algorithms", [])]
        chance = {row.algorithm for row in self.rows if is_random(row.id)}
        return series_styles([*listed, *dict.fromkeys(row.algorithm for row in self.rows)], chance)

    @cached_property
    def sweeps(self) -> Sensitivity:
        """Sensitivity to the hyperparameters that the suite sweeps."""
        return sensitivity(self.suite, self.rows)

    @cached_property
    def crossplays(self) -> CrossPlays:
        """Results of `rlbench crossplay` for the runs that are finished now."""
        from rlbench.analysis.crossplay_gaps import crossplays_of

        return crossplays_of(self.folder, self.requested, self.states)

    @cached_property
    def sequential_decisions(self) -> Decisions | None:
        """The decisions of `--until-decided`; None if the suite never ran with it."""
        from rlbench.analysis.sequential_log import read_decisions

        return read_decisions(self.store)

    # -- frames for notebooks ---------------------------------------------------------------------------------------
    def runs(self) -> pd.DataFrame:
        """Return one row per run of the suite, finished or not; columns: rlbench.results.run_rows.RunRow."""
        return self.table.copy()

    def evaluations(self) -> pd.DataFrame:
        """Return one row per evaluation of the published runs."""
        return self._records("evaluations")

    def episodes(self) -> pd.DataFrame:
        """Return one row per training episode of the published runs."""
        return self._records("episodes")

    def metrics(self) -> pd.DataFrame:
        """Return one row per number that an algorithm logged in the published runs."""
        return self._records("metrics")

    def _records(self, table: str) -> pd.DataFrame:
        from rlbench.results.record_frames import record_frame

        return record_frame(self.store, self.requested, self.states, table)

    def profiles(self) -> pd.DataFrame:
        """Return one row per part of each group that ran with `--profile`.

        Columns as in rlbench.results.time_profiles.profile_table.
        """
        from rlbench.results.time_profiles import profile_table

        return profile_table(self.requested, self.states)

    def scores(self, normalized: bool = True) -> pd.DataFrame:
        """Return one row for each run that has a score: algorithm (label), id, environment, seed, key, diverged, score.

        score: mean return of the final policy; for a diverged run, the lower of its last finite evaluation and the
        lower anchor.
        normalized: scale scores so that the task's anchors are 0 and 1. Runs without a score are in `runs()`, with
        their status.
        Raises: StoreError if normalized and a task has no anchors.
        """
        from rlbench.analysis.frames import score_frame

        return score_frame(self.final_scores, normalized)

    def aggregate(self, normalized: bool = True) -> pd.DataFrame:
        """Return estimates with 95 % intervals: one row for each algorithm, environment ("" over all tasks) and
        statistic.

        Columns: algorithm, environment, statistic (iqm, mean, median and, over all tasks, optimality_gap), tasks, n
        (runs that have a score), planned, estimate, low, high, method (percentile or bootstrap-t), note. normalized:
        estimate normalised scores, on each task with anchors and over all of these. Otherwise estimate raw returns, on
        each task only.
        """
        from rlbench.analysis.frames import aggregate_frame

        return aggregate_frame(self.final_scores, normalized)

    def compare(
        self,
        *algorithms: str,
        baseline: str | None = None,
        other: Results | None = None,
        statistic: str = "iqm",
        alpha: float = 0.05,
    ) -> pd.DataFrame:
        """Compare all pairs of the given algorithms (by default, all but `random`). Differences are ours minus theirs.

        baseline: instead, compare each other algorithm with this one. other: instead, compare each algorithm with the
        same algorithm in the folder of `other`. statistic: "iqm" or "mean". All pairs are one family for Holm, at
        `alpha`. Columns: rlbench.analysis.frames.comparison_frame.
        """
        from rlbench.analysis.frames import comparison_frame
        from rlbench.analysis.pair_selection import pairs_between, pairs_within
        from rlbench.analysis.pairwise import compare

        if other is None:
            pairs = pairs_within(self.final_scores, algorithms, baseline)
        else:
            names = (str(self.folder), str(other.folder))
            pairs = pairs_between(self.final_scores, other.final_scores, names, algorithms)
        return comparison_frame(compare(pairs, statistic, alpha))

    def profile(self, thresholds: Sequence[float] | None = None) -> pd.DataFrame:
        """Return performance profiles.

        Columns: algorithm, threshold (normalised score), share (of runs above it, with equal weight for each task),
        low, high (pointwise 95 % band), tasks, n. thresholds: by default 101 values from 0 to the best score, at least
        1.1.
        """
        from rlbench.analysis.frames import profile_frame

        return profile_frame(self.final_scores, thresholds)

    def curves(self, normalized: bool = False, against: str = "steps") -> pd.DataFrame:
        """Return the IQM over runs at each evaluation during training.

        Columns: algorithm, environment, at, n, iqm, low, high (pointwise 95 %). against: "steps", "wall_seconds" or
        "cpu_seconds", the unit of `at`; seconds are the median over runs. normalized: scale returns so that the anchors
        are 0 and 1. With against="steps", this also adds curves over all tasks; their environment is "" and their `at`
        is a share of the budget.
        """
        from rlbench.analysis.curve_frames import curve_frame

        return curve_frame(list(self.learning_curves.values()), self.anchors, normalized, against)

    def decisions(self) -> pd.DataFrame:
        """Return what `--until-decided` found: one row for each pair at each interim analysis at which it was open.

        Columns: look, runs (of each side on each task until then), ours, theirs, outcome (better, equivalent, undecided
        at the cap, or "" for open), winner, difference (ours minus theirs), boundary, within_low, within_high, p_welch
        (docs/adaptive.md). Empty if the suite never ran with `--until-decided`.
        """
        import pandas as pd

        from rlbench.analysis.sequential_log import COLUMNS

        decisions = self.sequential_decisions
        return pd.DataFrame(columns=COLUMNS) if decisions is None else decisions.frame()

    def sensitivity(self) -> pd.DataFrame:
        """Return the results of a suite's sweeps: one row for each value of each swept hyperparameter on each task.

        Columns: environment, algorithm (label of the sweep), parameter, value, points (combinations with this value), n
        (runs planned), n_valid, iqm, low, high (95 %, of the raw returns). The best point is chosen on its own seeds.
        """
        return self.sweeps.frame()

    def crossplay(self, pairs: bool = False) -> pd.DataFrame:
        """Return what `rlbench crossplay` played: one row for each multi-agent algorithm and task.

        Columns: algorithm, environment, n (seeds), episodes (of each pair), self_play, cross_play (mean team returns),
        gap (self_play minus cross_play), low, high (95 % over seeds, NaN for fewer than 3).
        pairs: return one row for each pair instead, with the columns algorithm, environment, seed, with_seed,
        mean_return; the first agents are of `seed`, the others of `with_seed` (docs/crossplay.md). Files that are
        damaged, or that other runs played, are left out; `crossplays.problems` names them.
        """
        return self.crossplays.frame(pairs)

    def __repr__(self) -> str:
        counts = Counter(row.status for row in self.rows).most_common()
        summary = ", ".join(f"{count} {status}" for status, count in counts)
        return f"Results({str(self.folder)!r}: {summary})"
