"""Cross-play: how much more teams of one seed earn than teams whose agents come from two seeds.

The runs of a multi-agent algorithm may agree on different conventions. The agents of one run then do well together, and
badly with agents of another run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rlbench.analysis.estimates import interval_estimate
from rlbench.api import Run, RunStatus, StoreError
from rlbench.results import RunState
from rlbench.results.crossplay_files import CrossPlay, played_runs, read_crossplay

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

FEWEST = 2  # a single run has no other run to play with
JOINT_CONTROL = "rlbench.envs.multiagent.joint_control:JointControl"  # a name, because reading imports no gymnasium
COLUMNS = ("algorithm", "environment", "n", "episodes", "self_play", "cross_play", "gap", "low", "high")
PAIR_COLUMNS = ("algorithm", "environment", "seed", "with_seed", "mean_return")


@dataclass(frozen=True)
class Team:
    """The finished runs of one multi-agent algorithm (label) on one task.

    agents: names of the agents, in order. problem: why agents of different runs cannot play together, or "".
    """

    algorithm: str
    environment: str
    runs: tuple[Run, ...]
    agents: tuple[str, ...]
    problem: str


@dataclass(frozen=True)
class Gap:
    """Result of cross-play for one algorithm on one task.

    self_play: mean return of teams of one seed. cross_play: mean return of teams of two seeds. gap: self_play minus
    cross_play. low, high: 95 % interval of the gap over seeds, NaN for fewer than three seeds. by_seed [S]: the gap of
    each seed.
    """

    played: CrossPlay
    self_play: float
    cross_play: float
    gap: float
    low: float
    high: float
    by_seed: NDArray[np.float64]

    @property
    def n(self) -> int:
        return len(self.played.seeds)


@dataclass(frozen=True)
class CrossPlays:
    """Cross-play results of a result folder. problems: for each file that is not used, a sentence that says why."""

    gaps: tuple[Gap, ...]
    problems: tuple[str, ...]

    def frame(self, pairs: bool = False) -> pd.DataFrame:
        """Return one row for each algorithm and task (COLUMNS), or for each pair of seeds (PAIR_COLUMNS)."""
        import pandas as pd

        rows: list[tuple[object, ...]] = []
        for gap in self.gaps:
            played = gap.played
            names = (played.algorithm, played.environment)
            if not pairs:
                rows.append((*names, gap.n, played.episodes, gap.self_play, gap.cross_play, gap.gap, gap.low, gap.high))
                continue
            for seed, returns in zip(played.seeds, played.matrix.tolist()):
                rows += [(*names, seed, other, value) for other, value in zip(played.seeds, returns)]
        return pd.DataFrame(rows, columns=list(PAIR_COLUMNS if pairs else COLUMNS))


def teams(runs: Sequence[Run], states: Mapping[str, RunState]) -> list[Team]:
    """Return the teams of the multi-agent runs that are done, in the suite's order."""
    cells: dict[tuple[str, str], list[Run]] = {}
    for run in runs:
        state = states[str(run.key)]
        if state.status == RunStatus.DONE and state.result.get("agents"):
            cells.setdefault((run.task.name, run.label or run.algorithm), []).append(run)
    return [_team(*names, members, states) for names, members in cells.items()]


def _team(environment: str, algorithm: str, runs: Sequence[Run], states: Mapping[str, RunState]) -> Team:
    agents = {tuple(states[str(run.key)].result["agents"]) for run in runs}
    trained = {(run.algorithm, repr(run.config), repr(run.task), run.seed_space, run.precision) for run in runs}
    first, problem = runs[0], ""
    if any(wrapper.name == JOINT_CONTROL for wrapper in first.task.wrappers):
        problem = "one policy controls all agents together"
    elif len(next(iter(agents))) < 2:
        problem = "it has a single agent"
    elif len(trained) > 1 or len(agents) > 1:
        problem = "its runs differ in more than their seeds"
    elif len(runs) < FEWEST:
        problem = f"{len(runs)} finished run, and pairs need {FEWEST}"
    return Team(algorithm, environment, tuple(runs), next(iter(agents)), problem)


def crossplays_of(root: Path, runs: Sequence[Run], states: Mapping[str, RunState]) -> CrossPlays:
    """Return the cross-play results stored for the finished runs, and what is wrong with files that were not used."""
    gaps, problems = [], []
    for team in teams(runs, states):
        if team.problem:
            continue
        try:
            played = stored(root, team, states)
        except StoreError as error:
            problems.append(str(error))
            continue
        if played is not None:
            gaps.append(gap_of(played))
    return CrossPlays(tuple(gaps), tuple(problems))


def stored(root: Path, team: Team, states: Mapping[str, RunState]) -> CrossPlay | None:
    """Return the stored cross-play of a team, or None if there is none.

    Raises: StoreError if the file is damaged, or if it was played by other policies than those of the finished runs.
    """
    played = read_crossplay(root, team.algorithm, team.environment)
    if played is not None and (played.runs != played_runs(team.runs, states) or played.agents != team.agents):
        raise StoreError(
            f"the cross-play of {team.algorithm} on {team.environment} was played by other runs than the ones that are"
            " finished now, so it is not used; to play these, run `rlbench crossplay`"
        )
    return played


def gap_of(played: CrossPlay) -> Gap:
    """Return the means of self-play and cross-play, and their difference with its bootstrap interval over seeds.

    The gap of seed i is M[i, i] minus the mean of (M[i, j] + M[j, i]) / 2 over the other seeds j.
    """
    matrix, count = played.matrix, len(played.seeds)
    own = np.diag(matrix)
    both = (matrix + matrix.T) / 2
    mixed = (both.sum(1) - own) / (count - 1)
    by_seed = own - mixed
    # A difference within the rounding errors counts as 0. Otherwise, a gap of 2.7e-16 would be shown.
    by_seed = np.where(np.abs(by_seed) <= 1e-12 * np.abs(matrix).max(initial=0), 0.0, by_seed)
    interval = interval_estimate([by_seed], [key for key, _ in played.runs], "mean")
    return Gap(played, float(own.mean()), float(mixed.mean()), interval.estimate, interval.low, interval.high, by_seed)
