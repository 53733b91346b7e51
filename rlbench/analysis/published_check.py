"""Comparison of our runs with a published score, by the statistic and protocol of its source.

"consistent" does not prove equality: it means that the published number lies where 95 % of the numbers from runs like
ours would lie. The interval depends on what was published (docs/gate.md). Scores after different budgets are not
compared.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rlbench.analysis.final_scores import FEWEST_FOR_INTERVAL, FEWEST_FOR_VERDICT
from rlbench.analysis.published_scores import PROTOCOLS, PublishedScore, published_scores
from rlbench.analysis.suite_results import Results
from rlbench.api import LARGEST_RETURN, Run, RunStatus, StoreError
from rlbench.results import RunState
from rlbench.results.random_policy import is_random
from rlbench.results.run_facts import TRAINING_EPISODES
from rlbench.results.run_table import read_table
from rlbench.stats import mean_interval, prediction_interval, welch_interval

if TYPE_CHECKING:
    import pandas as pd

CONSISTENT, HIGHER, LOWER, TOO_FEW = "consistent", "higher", "lower", "too few runs"
NOT_COMPARABLE = "not comparable"
ZOO_STEPS = 150_000  # evaluation steps behind one number of the zoo
CHECKPOINTS = 100  # SLM-Lab averages this many checkpoints
ROUNDING = 0.005  # published numbers have two decimals or more
_LEVEL, _NORMAL_REACH = 0.95, 1.959964


@dataclass(frozen=True)
class PublishedComparison:
    """One of our algorithms on one task, compared with one published score.

    mean, std: mean and standard deviation, over our runs, of the statistic that the source reports. low, high: 95 %
    interval of this mean. their_low, their_high: 95 % interval of the published mean, None if its uncertainty is
    unknown. expected: the interval in which a number published from runs like ours would lie in 95 of 100 cases.
    expected_of: the kind of this interval. If there are fewer than 3 runs or the budgets differ, expected is None and
    expected_of is empty.
    verdict: ours is consistent, higher or lower; "too few runs"; or "not comparable" if the budgets differ.
    """

    environment: str
    algorithm: str
    reference: PublishedScore
    n: int
    mean: float
    std: float | None
    low: float | None
    high: float | None
    their_low: float | None
    their_high: float | None
    expected: tuple[float, float] | None
    expected_of: str
    verdict: str
    notes: tuple[str, ...]

    @property
    def comparable(self) -> bool:
        """Whether ours and theirs trained for the same number of environment steps."""
        return self.verdict != NOT_COMPARABLE


def check_against(results: Results, source: str) -> list[PublishedComparison]:
    """Compare every published score of a source with our runs of the same algorithm and task, in the suite's order.

    A plugin's `sb3/dqn` counts as `dqn`. A diverged run may score the lower anchor.
    """
    cells: dict[tuple[str, str], list[Run]] = {}
    for run in results.requested:
        if not is_random(run.algorithm):
            cells.setdefault((run.label or run.algorithm, run.task.name), []).append(run)
    comparisons = []
    for (label, _), planned in cells.items():
        environment = planned[0].task.env_id
        for reference in published_scores(source):
            if reference.is_of(planned[0].algorithm, environment):
                comparisons.append(_compare(results, label, planned, reference))
    return comparisons


def _compare(results: Results, label: str, planned: list[Run], reference: PublishedScore) -> PublishedComparison:
    values, lengths = [], []
    for run in planned:
        state = results.states[run.key]
        if state.status.has_score:
            try:
                value, length = _statistic(results, run, state, reference)
            except StoreError:
                continue  # damaged: counted as missing
            if value is not None:
                values.append(value)
                lengths.append(length)
    comparable = planned[0].task.steps == reference.train_steps
    runs = np.array(values)
    theirs, deviation = _their_interval(reference, _mean_length(lengths))
    ours = _interval(runs) if len(runs) >= FEWEST_FOR_INTERVAL else (None, None)
    tested = comparable and len(runs) >= FEWEST_FOR_INTERVAL
    expected, what = expectation(runs, reference, deviation) if tested else (None, "")
    notes = _notes(planned, [results.states[run.key] for run in planned], reference, len(values))
    notes += _test_limits(reference) if tested else []
    return PublishedComparison(
        planned[0].task.name,
        label,
        reference,
        len(runs),
        float(runs.mean()) if len(runs) else math.nan,
        float(runs.std(ddof=1)) if len(runs) > 1 else None,
        ours[0],
        ours[1],
        theirs[0],
        theirs[1],
        expected,
        what,
        verdict(reference.mean, expected) if comparable else NOT_COMPARABLE,
        tuple(notes),
    )


def _test_limits(reference: PublishedScore) -> list[str]:
    """Return a note if the source publishes too little for a test of means."""
    if reference.runs == 1:
        return ["theirs is one agent, so the interval is a prediction, not a test"]
    return ["theirs has no spread, so the interval is a prediction, not a test"] if reference.std is None else []


def _interval(runs: NDArray[np.float64]) -> tuple[float, float]:
    """Return Student's interval of the mean, cut at the extreme runs because it ignores that returns are bounded."""
    low, high = mean_interval(runs, _LEVEL)
    return max(low, float(runs.min())), min(high, float(runs.max()))


def _mean_length(lengths: Sequence[float]) -> float | None:
    positive = [length for length in lengths if 0 < length < math.inf]
    return float(np.mean(positive)) if positive else None


def verdict(theirs: float, expected: tuple[float, float] | None) -> str:
    """Return the verdict on our runs.

    theirs: the published mean. expected: the interval in which it would lie if it came from runs like ours, or None.
    """
    if expected is None:
        return TOO_FEW
    if theirs > expected[1] + ROUNDING:
        return LOWER
    return HIGHER if theirs < expected[0] - ROUNDING else CONSISTENT


def expectation(
    runs: NDArray[np.float64], reference: PublishedScore, deviation: float = 0.0
) -> tuple[tuple[float, float], str]:
    """Return where the published mean would lie in 95 of 100 cases if it came from runs like ours, and the kind of
    interval.

    runs [n]: ours, n ≥ 2. deviation: standard error of the published mean over its own episodes.

    If one agent was published, or several without their spread, this is the prediction interval of the mean of that
    many further runs of ours, widened by `deviation`. If the spread over runs was published, this is Welch's interval
    of the difference, centred on the published mean. The published spread is assumed to have the divisor n, which gives
    the wider interval.
    """
    count = reference.runs
    if count > 1 and reference.std is not None:
        sample_std = reference.std * math.sqrt(count / (count - 1))
        low, high = welch_interval(reference.mean, sample_std, count, runs, _LEVEL)
        return (reference.mean + low, reference.mean + high), "difference of two means (Welch)"
    low, high = prediction_interval(runs, count, _LEVEL)
    centre, own_reach = (low + high) / 2, _NORMAL_REACH * deviation
    reach = math.hypot((high - low) / 2, own_reach)
    noun = "one more run" if count == 1 else f"the mean of {count} more runs"
    return (centre - reach, centre + reach), f"prediction of {noun}"


def _their_interval(reference: PublishedScore, length: float | None) -> tuple[tuple[float | None, float | None], float]:
    """Return the 95 % interval of a published mean, and its standard error over episodes (0 if its spread is over
    runs).

    length: mean episode length of our final policies, by which the zoo's evaluation steps are converted to episodes. If
    it is None, the score of a single agent has no interval.
    """
    if reference.std is None or (reference.runs == 1 and length is None):
        return (None, None), 0.0
    if reference.runs == 1 and length is not None:
        error = reference.std / math.sqrt(ZOO_STEPS / length)
        reach = _NORMAL_REACH * error
        return (reference.mean - reach, reference.mean + reach), error
    spread = reference.std * math.sqrt(reference.runs / (reference.runs - 1))
    stand_in = np.array([-1.0, *[0.0] * (reference.runs - 2), 1.0])  # any runs with these degrees of freedom
    reach = mean_interval(stand_in)[1] / float(stand_in.std(ddof=1)) * spread
    return (reference.mean - reach, reference.mean + reach), 0.0


def _statistic(results: Results, run: Run, state: RunState, reference: PublishedScore) -> tuple[float | None, float]:
    """Return a run's statistic under the source's protocol, or None, and the mean length of its final episodes."""
    folder, measure = results.store.folder(run), PROTOCOLS[reference.source].measure
    if measure == "final":
        score = results.score_of(run)
        final = read_table(folder, "evaluations", state, ["kind", "length_mean"])
        return (None if math.isnan(score) else score), float(final["length_mean"].iloc[-1]) if len(final) else math.nan
    episodes = read_table(folder, "episodes", state, ["rank", "step", "return", "end"])
    whole = episodes[(episodes["end"] != "abandoned") & (episodes["return"].abs() <= LARGEST_RETURN)]
    if whole.empty:
        return None, math.nan
    if measure == "last_episodes":
        return float(whole["return"].tail(TRAINING_EPISODES).mean()), math.nan
    assert reference.checkpoint_every is not None  # published_scores.csv has it for this measure
    return moving_average(whole, int(state.result["steps"]), reference.checkpoint_every), math.nan


def moving_average(episodes: pd.DataFrame, steps: int, every: int) -> float:
    """Return SLM-Lab's score, as we read its documents.

    Checkpoints are `every` environment steps apart. At each, the returns of every environment's latest finished episode
    are averaged; the result is the mean of the last 100 of these averages. episodes: at least one row with rank, step
    (at which the episode ended) and return, in order of time. As in SLM-Lab, checkpoints before the end of the first
    episode are left out.
    """
    checkpoints = steps - every * np.arange(CHECKPOINTS)
    checkpoints = checkpoints[checkpoints > 0]
    by_environment = []
    for _, own_episodes in episodes.groupby("rank"):
        last = np.searchsorted(own_episodes["step"].to_numpy(), checkpoints, side="right") - 1
        by_environment.append(np.where(last >= 0, own_episodes["return"].to_numpy(float)[np.maximum(last, 0)], np.nan))
    returns = np.stack(by_environment)  # [environments, checkpoints]
    finished = ~np.isnan(returns)
    counted = finished.sum(0) > 0
    if not counted.any():
        return float(episodes["return"].iloc[-1])
    return float((np.where(finished, returns, 0.0).sum(0)[counted] / finished.sum(0)[counted]).mean())


def _notes(planned: Sequence[Run], states: Sequence[RunState], reference: PublishedScore, n: int) -> list[str]:
    task, notes = planned[0].task, []
    if task.steps != reference.train_steps:
        notes.append(f"different budgets: ours {task.steps:,} steps, theirs {reference.train_steps:,}")
    if task.evaluation.policy != "greedy" and PROTOCOLS[reference.source].measure == "final":
        notes.append(f"ours is the {task.evaluation.policy} policy")
    if task.kwargs or task.wrappers:
        notes.append("our environment has non-default arguments or wrappers")
    if task.curriculum is not None:
        notes.append("ours trained with a curriculum")
    if n < len(planned):
        notes.append(f"{len(planned) - n} of {len(planned)} runs missing")
    if diverged := sum(state.status == RunStatus.DIVERGED for state in states):
        notes.append(f"{diverged} diverged")
    if FEWEST_FOR_INTERVAL <= n < FEWEST_FOR_VERDICT:
        notes.append("descriptive only")
    return notes + ([f"theirs: {reference.note}"] if reference.note else [])
