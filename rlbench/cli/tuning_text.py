"""The outcome of `rlbench tune`, as text and as JSON: the chosen settings, their fresh scores, and the cost."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rlbench.cli.search_details import (
    COSTS_LEGEND,
    RESPONSE_LEGEND,
    TPE_LEGEND,
    costs_text,
    details_as_json,
    response_text,
    trials_text,
)
from rlbench.cli.text_table import aligned, plain
from rlbench.suites.tune_models import TPE_STARTUP
from rlbench.text import console_interval, console_number, counted, join_names, plural

if TYPE_CHECKING:
    from rlbench.stats import Interval
    from rlbench.suites import Plan, Suite
    from rlbench.tuning.algorithm_search import AlgorithmSearch, Trial
    from rlbench.tuning.final_comparison import Finals
    from rlbench.tuning.winners_curse import FreshEvidence

SCHEMA_VERSION = 1
_SAMPLERS = {
    "random": "drawn at random",
    "tpe": f"the first {TPE_STARTUP} drawn at random, the others proposed by TPE,",
}


def as_text(
    suite: Suite,
    planned: Plan,
    searches: Sequence[AlgorithmSearch],
    finals: Finals | None,
    seed: int,
    response: bool = False,
    trials: bool = False,
) -> str:
    """Return a paragraph for each algorithm. finals: None if the final comparison was left out.

    response: whether to print the response to each hyperparameter. trials: whether to list all trials.
    """
    assert suite.tune is not None
    rounds = ", then ".join(
        f"{plural(trials, 'trial')} with {plural(seeds, 'seed')}" for trials, seeds in suite.tune.rounds
    )
    text = f"{plain(suite.name)}: for each of {plain(join_names([s.algorithm for s in searches]))}, {rounds};"
    text += f" {_SAMPLERS[suite.tune.sampler]} with seed {seed}\n"
    if len({_budget(planned, found.algorithm) for found in searches}) > 1:
        text += (
            "the suite gives these algorithms different budgets, so their searches take different numbers of steps\n"
        )
    for found in searches:
        text += "\n" + _paragraph(found, planned, finals) + costs_text(found)
        text += f"\n{trials_text(found, _defaults(planned, found.algorithm))}" if trials else ""
        text += f"\n{response_text(found)}" if response else ""
    if finals is not None and finals.untuned:
        text += "\n"
        for label, score in finals.untuned.items():
            tasks = {group.task.name for group in planned.groups if group.label == label}
            shown = (
                "no score over all its tasks"
                if score is None
                else f"score {_estimate_text(score, _digits(len(tasks) > 1))}"
            )
            text += f"{plain(label)}: not tuned; {shown}\n"
    elif untuned := [label for label in _labels(planned) if label not in {s.algorithm for s in searches}]:
        text += f"\nnot tuned: {plain(', '.join(untuned))}\n"
    for sentence in finals.absent if finals is not None else ():
        text += f"missing: {plain(sentence)}\n"
    text += _legend(searches, finals)
    text += COSTS_LEGEND if any(found.task_costs for found in searches) else ""
    if response:
        text += RESPONSE_LEGEND + (TPE_LEGEND if suite.tune.sampler == "tpe" else "")
    return text


def _paragraph(found: AlgorithmSearch, planned: Plan, finals: Finals | None) -> str:
    winner = found.winner
    trials = len(found.trials)
    what = "" if winner.setting else ", the suite's own setting"
    text = f"{plain(found.algorithm)}: trial {winner.number} is the best of trials 0 to {trials - 1}{what}\n"
    if winner.score == -math.inf:
        text = f"{plain(found.algorithm)}: every trial failed or diverged, so the suite's own setting is kept\n"
    own = _defaults(planned, found.algorithm)
    names = winner.setting or dict.fromkeys(found.sampling.space)
    rows = [("  " + name, _value(winner.setting.get(name, own.get(name))), _value(own.get(name))) for name in names]
    text += aligned(("  parameter", "chosen", "suite"), rows) if rows else ""
    if winner.score > -math.inf:
        share = "" if winner.reached is None else f", {winner.reached} runs reach the threshold"
        text += f"  tuning score      {_score_text(winner.score, found)} ({plural(winner.seeds, 'seed')}{share})\n"
        if winner.reached is not None and not any(trial.reached for trial in found.trials):
            text += "  threshold         no run of any trial reached it, so scores alone decided the choice\n"
    evidence = finals.evidence[found.algorithm] if finals is not None else None
    if evidence is not None and finals is not None:
        text += _fresh(found, evidence, finals)
    elif finals is not None:
        text += "  fresh score       none: on some task, no run has a score\n"
    spent = f"{plural(trials, 'trial')}, {counted(found.runs, 'run')}, {found.steps:,} environment steps"
    text += f"  spent             {spent}{' (without runs that failed)' if found.failed else ''}\n"
    if found.failed:
        listed = "; ".join(f"trial {trial.number}: {_failures(trial)}" for trial in found.failed)
        text += f"  failed            {plural(len(found.failed), 'trial')}, counted as the worst ({listed})\n"
    return text


def _fresh(found: AlgorithmSearch, evidence: FreshEvidence, finals: Finals) -> str:
    digits = _digits(found.normalised)
    text = f"  fresh score       {_estimate_text(evidence.fresh, digits)} ({counted(evidence.n, 'run')})\n"
    if math.isfinite(evidence.curse.estimate):
        text += f"  winner's curse    {_estimate_text(evidence.curse, digits, '+')}\n"
    if evidence.gain is None:
        return text + "  tuned − suite     0, because the suite's own setting was chosen\n"
    p = "" if evidence.p is None else f", p {evidence.p:.2g}"
    if len(finals.p_holm) > 1 and evidence.p is not None:
        p += f" ({finals.p_holm[found.algorithm]:.2g} after Holm's correction)"
    text += f"  tuned − suite     {_estimate_text(evidence.gain, digits, '+')}{p}\n"
    return f"{text}{_reached(found.algorithm, finals)}  verdict           {verdict_text(found.algorithm, finals)}\n"


def verdict_text(label: str, finals: Finals) -> str:
    """Return what the final comparison shows about a tuned setting; "" if the suite's own was chosen."""
    return {
        "better": "the tuned setting scores higher than the suite's own",
        "worse": "the tuned setting scores lower than the suite's own: keep the suite's",
        "undecided": "no difference of scores from the suite's own setting is shown",
        None: "",
    }[finals.verdict(label)]


def _reached(label: str, finals: Finals) -> str:
    """Return how many runs reach the threshold, with the p of Fisher's exact test; "" without a threshold."""
    if not finals.reached:
        return ""
    from rlbench.stats import fisher_p
    from rlbench.tuning.trial_suites import tuned_label

    (count, of), (own, of_own) = finals.reached[tuned_label(label)], finals.reached[label]
    p = fisher_p(count, of, own, of_own)
    return f"  reach threshold   {count} of {of} runs, {own} of {of_own} with the suite's own setting (p {p:.2g})\n"


def _legend(searches: Sequence[AlgorithmSearch], finals: Finals | None) -> str:
    scale = "between the anchors (0 and 1)" if any(found.normalised for found in searches) else "in returns"
    text = (
        f"\nscores: IQM over runs of the final policies' mean return, {scale}; intervals: 95 %, bootstrap over runs\n"
    )
    if finals is None:
        return (
            text
            + "tuning scores are too high, because they decided the choice; without --no-final, fresh seeds test it\n"
        )
    text += "winner's curse: tuning score − fresh score; the choice favours lucky trials, so it is above 0 on average\n"
    return text + f"final comparison: {counted(finals.runs, 'run')}, {finals.steps:,} environment steps\n"


def outcome_lines(searches: Sequence[AlgorithmSearch], finals: Finals | None) -> list[str]:
    """Return comments for a written suite: each algorithm's gain on fresh seeds and its verdict."""
    if finals is None:
        return ["not tested on fresh seeds, where tuned settings score lower"]
    lines = []
    for found in searches:
        evidence = finals.evidence[found.algorithm]
        if evidence is not None and evidence.gain is not None:
            gain = _estimate_text(evidence.gain, _digits(found.normalised), "+")
            p = "" if evidence.p is None else f", p {evidence.p:.2g}"
            lines.append(
                f"{found.algorithm} on fresh seeds: tuned − suite {gain}{p}: {verdict_text(found.algorithm, finals)}"
            )
    return lines


def as_document(
    suite: Suite, planned: Plan, searches: Sequence[AlgorithmSearch], finals: Finals | None, seed: int
) -> dict[str, Any]:
    """Return the outcome as JSON values, with every trial. Numbers that are not finite are None."""
    assert suite.tune is not None
    tuned = {found.algorithm for found in searches}
    algorithms = []
    for found in searches:
        evidence = finals.evidence[found.algorithm] if finals is not None else None
        own = {name: _defaults(planned, found.algorithm).get(name) for name in found.sampling.space}
        algorithms.append(
            {
                "algorithm": found.algorithm,
                "chosen": found.chosen,
                "params": found.winner.setting or own,
                "suite_params": {name: own[name] for name in found.winner.setting or own},
                "tasks": list(found.tasks),
                "normalised": found.normalised,
                "tuning_score": _finite(found.winner.score),
                "fresh_score": _as_json(evidence.fresh if evidence else None),
                "winners_curse": _as_json(evidence.curse if evidence else None),
                "gain": _as_json(evidence.gain if evidence else None),
                "p": evidence.p if evidence else None,
                "p_holm": finals.p_holm.get(found.algorithm) if finals is not None else None,
                "runs": found.runs,
                "steps": found.steps,
                "verdict": finals.verdict(found.algorithm) if finals is not None else None,
                "trials": [_trial(trial, own) for trial in found.trials],
                **details_as_json(found),
            }
        )
    untuned = finals.untuned if finals is not None else dict.fromkeys(_labels(planned, tuned))
    return {
        "schema_version": SCHEMA_VERSION,
        "suite": suite.name,
        "seed": seed,
        "sampler": suite.tune.sampler,
        "rounds": [{"trials": trials, "seeds": seeds} for trials, seeds in suite.tune.rounds],
        "algorithms": algorithms,
        "not_tuned": [{"algorithm": label, "fresh_score": _as_json(score)} for label, score in untuned.items()],
        "final": {
            "runs": finals.runs,
            "steps": finals.steps,
            "absent": list(finals.absent),
            "reached": dict(finals.reached),
        }
        if finals
        else None,
    }


def _trial(trial: Trial, own: Mapping[str, Any]) -> dict[str, Any]:
    score = _finite(trial.score)
    return {
        "trial": trial.number,
        "params": trial.setting or own,
        "seeds": trial.seeds,
        "score": score,
        "reached": trial.reached,
        "first_score": _finite(trial.first_score),
        "failures": dict(trial.failures),
    }


def _labels(planned: Plan, without: Sequence[str] | set[str] = ()) -> list[str]:
    return [label for label in dict.fromkeys(group.label for group in planned.groups) if label not in without]


def _budget(planned: Plan, label: str) -> int:
    """Return the environment steps of one seed on all tasks of an algorithm."""
    return sum({group.task.name: group.task.steps for group in planned.groups if group.label == label}.values())


def _defaults(planned: Plan, label: str) -> Mapping[str, Any]:
    return next(group.config for group in planned.groups if group.label == label)


def _failures(trial: Trial) -> str:
    return ", ".join(f"{count} {status}" for status, count in trial.failures.items())


def _value(value: Any) -> str:
    from rlbench.suites.sweeps import format_value

    return plain(format_value(value))


def _digits(normalised: bool) -> int:
    return 3 if normalised else 1


def _score_text(value: float, found: AlgorithmSearch) -> str:
    return console_number(value, _digits(found.normalised))


def _estimate_text(interval: Interval, digits: int = 1, sign: str = "") -> str:
    """Return an estimate with its interval, or with the reason why it has none."""
    if math.isnan(interval.low):
        return f"{console_number(interval.estimate, digits, sign)} (no interval: {interval.note})"
    three = (interval.estimate, interval.low, interval.high)
    bounds = console_interval(interval.low, interval.high, digits, sign, three)
    return f"{console_number(interval.estimate, digits, sign, three)} {bounds}"


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _as_json(interval: Interval | None) -> dict[str, float | None] | None:
    if interval is None:
        return None
    return {name: _finite(getattr(interval, name)) for name in ("estimate", "low", "high")}
