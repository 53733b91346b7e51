"""Parts of the outcome of `rlbench tune`: all trials, the response to each hyperparameter, the cost of one setting."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rlbench.cli.text_table import aligned, fitted, plain
from rlbench.suites.sweeps import format_value
from rlbench.text import console_interval, console_number, fixed, plural

if TYPE_CHECKING:
    from rlbench.stats import Interval
    from rlbench.tuning.algorithm_search import AlgorithmSearch
    from rlbench.tuning.parameter_response import Bin

HEADER = ("  parameter", "values", "trials", "mean score", "explains", "by chance", "p")


def response_text(found: AlgorithmSearch) -> str:
    """Return a table of the response: for each hyperparameter, a line for each part of its range or each choice."""
    rows = []
    for response in found.responses:
        known = ("–", "–", "–")
        if response.explained is not None and response.by_chance is not None and response.p is not None:
            known = (fixed(response.explained, 2), fixed(response.by_chance, 2), f"{response.p:.2g}")
        for k, part in enumerate(response.bins):
            first = k == 0
            shown = (plain(part.values), _trials(part), _mean(part.mean, 3 if found.normalised else 1))
            rows.append(
                (f"  {plain(response.parameter)}" if first else "", *shown, *(known if first else ("", "", "")))
            )
    count = plural(len(found.trials) - 1, "trial")
    text = f"{plain(found.algorithm)}: response to each parameter, over {count} (all but trial 0)\n"
    return text + fitted(HEADER, rows, (4, 5, 6))


def trials_text(found: AlgorithmSearch, own: Mapping[str, Any]) -> str:
    """Return a table of all trials, those with the most seeds and the best scores first.

    own: the suite's hyperparameters, which trial 0 uses.
    """
    names = list(found.sampling.space)
    digits = 3 if found.normalised else 1
    rows = [
        (
            f"  {trial.number}" + (" (chosen)" if trial.number == found.chosen else ""),
            *(plain(format_value(trial.setting.get(name, own.get(name)))) for name in names),
            str(trial.seeds),
            _finite(trial.first_score, digits),
            _finite(trial.score, digits) + ("" if trial.reached is None else f", {trial.reached} reach"),
        )
        for trial in sorted(found.trials, key=lambda trial: (-trial.seeds, -(trial.reached or 0), -trial.score))
    ]
    header = ("  trial", *map(plain, names), "seeds", "first score", "score")
    return f"{plain(found.algorithm)}: all trials\n" + fitted(header, rows, (len(header) - 3, len(header) - 2))


def _finite(score: float, digits: int) -> str:
    return console_number(score, digits) if math.isfinite(score) else "failed"


RESPONSE_LEGEND = """
response: scores after the first round, in which all trials had the same seeds; mean score: over the trials that did not
  fail, with a bootstrap interval over these trials; explains: the share of the variance of the trials' ranks that lies
  between the lines of a parameter (eta squared; failed trials have the lowest rank); by chance: the mean of "explains"
  if the parameter had no effect; p: permutation test, for each parameter alone
"""
TPE_LEGEND = "  TPE draws a value together with other parameters' good values, so the effects of parameters are mixed\n"


def costs_text(found: AlgorithmSearch) -> str:
    """Return a table of what one setting for all tasks costs, with a line for each task; "" for a single task."""
    rows = [
        (
            f"    {plain(cost.task)}",
            console_number(cost.chosen, 3),
            f"{console_number(cost.best, 3)} (trial {cost.best_trial})",
            console_number(cost.cost, 3),
            "–" if cost.luck is None else console_number(cost.luck, 3),
        )
        for cost in found.task_costs
    ]
    if not rows:
        return ""
    header = ("    task", "chosen", "best trial on it", "cost", "by luck")
    return "  one setting for all tasks (scores after the first round)\n" + aligned(header, rows, (1, 3, 4))


COSTS_LEGEND = """\
one setting for all tasks: "cost" is what a separate choice for each task would gain if the scores were exact; it is too
  high, since the best trial on a task is partly the luckiest; "by luck" is the average cost if all settings were
  equally good on every task
"""


def details_as_json(found: AlgorithmSearch) -> dict[str, Any]:
    """Return the responses and the costs as JSON values."""
    from rlbench.tuning.parameter_response import as_json

    costs = [
        {
            "task": cost.task,
            "chosen": cost.chosen,
            "best": cost.best,
            "best_trial": cost.best_trial,
            "cost": cost.cost,
            "by_luck": cost.luck,
        }
        for cost in found.task_costs
    ]
    return {"response": as_json(found.responses), "one_setting_for_all_tasks": costs}


def _trials(part: Bin) -> str:
    return f"{part.trials}" + (f" ({part.failed} failed)" if part.failed else "")


def _mean(mean: Interval | None, digits: int) -> str:
    if mean is None:
        return "–"
    if math.isnan(mean.low):
        return console_number(mean.estimate, digits)
    three = (mean.estimate, mean.low, mean.high)
    bounds = console_interval(mean.low, mean.high, digits, among=three)
    return f"{console_number(mean.estimate, digits, among=three)} {bounds}"
