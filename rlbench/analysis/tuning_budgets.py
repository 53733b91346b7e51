"""Cost of the search for each algorithm's hyperparameters, read from the suite's key `tuned`, and as text for reports.

If one algorithm was tuned with more trials than another, a comparison measures the search as much as the algorithms.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rlbench.analysis.sensitivity import sweeps_of
from rlbench.suites.tuned_models import TunedEntry
from rlbench.text import join_names, plural

Budgets = Mapping[str, TunedEntry | None]  # by label; None: not known
NOT_KNOWN = "not known"


def tuning_budgets(suite: Mapping[str, Any]) -> dict[str, TunedEntry]:
    """Return what a suite (as in suite.json) says about the tuning of each algorithm, by label; {} if it says nothing.

    If the suite lists a label several times, as after a merge, the entry with the most trials counts.
    """
    found: dict[str, TunedEntry] = {}
    listed = [entry for entry in suite.get("algorithms") or () if entry.get("tuned") is not None]
    swept = sweeps_of({"algorithms": listed})
    for entry in listed:
        # The file's shape is checked where it is read. A key that a later version adds is ignored.
        budget = TunedEntry.model_construct(**{k: v for k, v in entry["tuned"].items() if k in TunedEntry.model_fields})
        name = str(entry.get("label") or entry["id"])
        for label in [point.entry.name for point in swept.get(name, ())] or [name]:
            known = found.setdefault(label, budget)
            if (budget.trials or 0) > (known.trials or 0):
                found[label] = budget
    return found


def budget_text(budget: TunedEntry | None) -> str:
    """Return a budget as tables show it.

    >>> budget_text(TunedEntry(trials=20, seeds=3, steps=1_200_000))
    '20 trials × 3 seeds, 1,200,000 steps'
    """
    if budget is None:
        return NOT_KNOWN
    if budget.trials == 0:
        return "none"
    parts = [_trials(budget)] + ([f"{budget.steps:,} steps"] if budget.steps else [])
    return ", ".join(filter(None, parts)) or "yes"


def differ(budgets: Budgets) -> bool:
    """Return whether the algorithms' budgets differ. A known budget differs from an unknown one."""
    given = list(budgets.values())
    if not any(budget is not None for budget in given):
        return False
    return len({None if b is None else (b.trials, b.seeds, b.steps) for b in given}) > 1


def budget_sentence(budgets: Budgets) -> str:
    """Return one sentence, without a full stop, on how the compared algorithms were tuned.

    If their budgets differ, the sentence ends with a warning. Returns: "" if no budget is known.

    >>> budget_sentence({"ppo": TunedEntry(trials=20, steps=1_200_000), "sac": TunedEntry(trials=0)})
    'ppo was tuned with 20 trials (1,200,000 steps), sac with none; the comparison measures the search as well'
    """
    names: dict[str, list[str]] = {}
    for name, budget in budgets.items():
        names.setdefault(_phrase(budget), []).append(name)
    unknown = names.pop("", [])
    if not names:
        return ""
    clauses: list[str] = []
    for phrase, those in names.items():
        verb = "" if clauses else "were tuned " if len(those) > 1 else "was tuned "
        clauses.append(f"{join_names(those)} {verb}{phrase}")
    if unknown:
        clauses.append(f"and the tuning of {join_names(unknown)} is not known")
    return ", ".join(clauses) + ("; the comparison measures the search as well" if differ(budgets) else "")


def budgets_of(names: Iterable[str], known: Mapping[str, TunedEntry]) -> dict[str, TunedEntry | None]:
    """Return the budget of each name, or None if it is not known."""
    return {name: known.get(name) for name in names}


def as_json(budgets: Budgets) -> dict[str, dict[str, Any] | None]:
    """Return the budgets as JSON values, by label; None means not known."""
    return {name: None if budget is None else budget.model_dump() for name, budget in budgets.items()}


def _trials(budget: TunedEntry) -> str:
    trials = "" if budget.trials is None else plural(budget.trials, "trial")
    seeds = "" if budget.seeds is None else plural(budget.seeds, "seed")
    return f"{trials} × {seeds}" if trials and seeds else trials or (seeds and f"{seeds} a trial")


def _phrase(budget: TunedEntry | None) -> str:
    """Return the budget as the end of "it was tuned …"; "" if it is not known."""
    if budget is None:
        return ""
    if budget.trials == 0:
        return "with none"
    steps = f"{budget.steps:,} steps" if budget.steps else ""
    if trials := _trials(budget):
        return f"with {trials}{f' ({steps})' if steps else ''}"
    return f"with {steps}" if steps else "with an unknown number of trials"
