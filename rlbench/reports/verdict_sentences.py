"""Sentences on the pairs of a comparison: which are decided, which are not, why, and what deciding them would take.

An algorithm is called better only if the tests decide so. What they leave open is called not shown, and never "not
worse". Pairs whose runs do not overlap are named as such, whether decided or not.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from rlbench.analysis import FEWEST_FOR_VERDICT
from rlbench.analysis.pairwise import Comparison
from rlbench.analysis.verdicts import Row
from rlbench.stats.two_sample import POWER
from rlbench.text import interval, join_names, number, plural

FEW_PAIRS = 3  # up to this many pairs are described in full
_MOST_NAMED = 6
_ONLY_DESCRIBED = ("descriptive only", "too few runs", "no scores")
Line = tuple[str, str]


def headline(comparison: Comparison) -> str:
    """Return the answer in a sentence or two, as far as the tests can answer."""
    rows = comparison.verdicts
    if not rows:
        return "No two algorithms were run on the same task."
    decided = [row for row in rows if row.decided]
    if len(rows) <= FEW_PAIRS:
        sentences = [_in_full(row) for row in decided] or [_not_shown(row) for row in rows]
        return " ".join(f"{text}." for text in sentences)
    if not decided:
        return _nothing_decided(rows)
    wins, losses = _wins(rows), _wins(rows, "worse")
    share = f"{len(decided)} of {len(rows)} pairs {'is' if len(decided) == 1 else 'are'} decided."
    if not wins:
        return share
    most_wins = max(map(len, wins.values()))
    leaders = [name for name, others in wins.items() if len(others) == most_wins]
    unrivalled = [name for name in leaders if not losses.get(name)]
    single = len(leaders) == 1
    same = {tuple(sorted(wins[name])) for name in leaders}
    whom = (
        join_names(wins[leaders[0]])
        if len(same) == 1 and most_wins <= FEW_PAIRS
        else f"{plural(most_wins, 'other')}, the most of all"
    )
    places = {_place(row) for row in decided if any(_won(row, name) for name in leaders)}
    where = f" {places.pop()}" if len(places) == 1 else ""
    text = f"{join_names(leaders)} {'is' if single else 'are each'} shown to be better than {whom}{where}"
    if unrivalled == leaders:
        text += f"; no algorithm is shown to be better than {'it' if single else 'them'}"
    return f"{text}. {share}"


def _nothing_decided(rows: Sequence[Row]) -> str:
    if all(min(row.n) / row.tasks < FEWEST_FOR_VERDICT for row in rows):
        few = f"With fewer than {FEWEST_FOR_VERDICT} runs of each, nothing is decided"
        return f"{few}: the numbers below are descriptive only."
    none = f"None of the {len(rows)} pairs is decided"
    tested = [row for row in rows if row.verdict not in _ONLY_DESCRIBED]
    if (needed := runs_out_of_reach(rows)) and all("needs n >= " in row.note for row in tested):
        few = f"{none}: with so few runs no difference could be shown, however large"
        return f"{few}. A verdict needs at least {needed} runs of each."
    return f"{none}: no algorithm is shown to be better than another, nor to be as good."


def over_all(comparison: Comparison) -> list[Line]:
    """Describe the pairs over all common tasks."""
    rows = [row for row in comparison.rows if not row.environment]
    return [_line(rows, "Over all common tasks", comparison.family[0])] if rows else []


def by_task(comparison: Comparison, tasks: Sequence[str]) -> list[Line]:
    """Describe the pairs on each task."""
    groups = {task: [row for row in comparison.rows if row.environment == task] for task in tasks}
    return [_line(rows, task, comparison.family[1]) for task, rows in groups.items() if rows]


def _line(rows: Sequence[Row], where: str, family: int) -> Line:
    """Return a line on the pairs of one place `where`: the decided pairs, then the undecided ones and why."""
    pairs = [_in_full(row) for row in rows] if len(rows) <= FEW_PAIRS else _summed_up(rows)
    sentences = ["; ".join(pairs) + "."] if pairs else []
    if any(not row.decided for row in rows):
        sentences += _undecided(rows, family)
    return f"{where}:", " ".join(sentences)


def _wins(rows: Sequence[Row], verdict: str = "better") -> dict[str, list[str]]:
    """Return, for each algorithm, the algorithms that it is better than; the one that beats the most comes first.

    verdict: "worse" returns, for each algorithm, the algorithms that are better than it.
    """
    beaten: dict[str, list[str]] = {}
    for row in rows:
        if row.verdict in ("better", "worse"):
            one, other = (row.ours, row.theirs) if row.verdict == verdict else (row.theirs, row.ours)
            beaten.setdefault(one, []).append(other)
    return dict(sorted(beaten.items(), key=lambda entry: -len(entry[1])))


def _summed_up(rows: Sequence[Row]) -> list[str]:
    sentences = []
    for name, others in _wins(rows).items():
        worst = max(row.p_holm or 0.0 for row in rows if _won(row, name))
        sentences.append(f"{name} is better than {join_names(others)} (p {_p(worst)})")
    return [*sentences, *(f"{row.ours} and {row.theirs} are identical" for row in rows if row.verdict == "identical")]


def _won(row: Row, name: str) -> bool:
    return (row.verdict == "better" and row.ours == name) or (row.verdict == "worse" and row.theirs == name)


def _place(row: Row) -> str:
    return f"on {row.environment}" if row.environment else f"over {plural(row.tasks, 'task')}"


def _not_shown(row: Row) -> str:
    return f"It is not shown whether {row.ours} or {row.theirs} is better {_place(row)}"


def _in_full(row: Row) -> str:
    """Return one pair with its numbers."""
    if row.verdict == "identical":
        return f"{row.ours} and {row.theirs} are identical {_place(row)}"
    if row.estimates is None or row.difference is None:
        return f"{row.ours} against {row.theirs} {_place(row)}: {row.verdict}"
    worse = row.verdict == "worse"
    sign = -1 if worse else 1
    ours, theirs = (row.theirs, row.ours) if worse else (row.ours, row.theirs)
    estimates = row.estimates[::-1] if worse else row.estimates
    low, high = sorted((sign * row.difference.low, sign * row.difference.high))
    parts = [
        f"IQM {number(estimates[0])} against {number(estimates[1])}, difference"
        f" {number(sign * row.difference.estimate)} {interval(low, high)}, p {_p(row.p_holm or 0.0)}"
    ]
    # Too few runs are reported once, after the pairs.
    parts += [note for note in row.note.split("; ") if note and not note.startswith("n too small")]
    if row.decided:
        return f"{ours} is better than {theirs} {_place(row)} ({'; '.join(parts)})"
    return f"{ours} against {theirs} {_place(row)} is undecided ({'; '.join(parts)})"


def _p(value: float) -> str:
    """Format p: small values as an upper bound rounded up, so that it holds; larger values as they are."""
    if value >= 1:
        return "= 1"
    if value > 0.1:
        return f"= {value:.2f}"
    return "< 0.001" if value < 0.001 else f"≤ {math.ceil(value * 1000) / 1000:.3f}"


def _undecided(rows: Sequence[Row], family: int) -> list[str]:
    """Return how many pairs are undecided, why, and what deciding them would take."""
    undecided = [row for row in rows if not row.decided]
    few = [row for row in undecided if row.verdict in _ONLY_DESCRIBED]
    sentences, many = [], len(rows) > FEW_PAIRS
    if many:
        who = "None" if len(undecided) == len(rows) else f"{len(rows) - len(undecided)}"
        pairs = "pairs that share several tasks" if not rows[0].environment else "pairs"
        sentences.append(f"{who} of {len(rows)} {pairs} {'is' if who in ('None', '1') else 'are'} decided.")
    if few:
        rest = "them" if len(undecided) == len(rows) else "the others"
        which = "All" if len(few) == len(undecided) else f"{len(few)} of {rest}"
        sentences.append(f"{which} have fewer than {FEWEST_FOR_VERDICT} runs on a side and are descriptive only.")
    reach = runs_out_of_reach(undecided)
    if reach:
        among = plural(family, "comparison")
        sentences.append(
            f"With so few runs no difference could be shown among {among}, however large: it takes at least {reach}"
            " runs of each."
        )
    if many:
        sentences += _apart(undecided)
        sentences += _leave_out_zero(undecided, family)
    if not many and any(row.difference is not None and row.difference.estimate == 0 for row in undecided):
        sentences.append("Where the estimates are equal, it is not known how many runs would show a difference.")
    needed = {(row.ours, row.theirs): row.runs_to_show for row in undecided if row.runs_to_show and row not in few}
    if needed and not reach:
        sentences.append(
            _needed(needed, [(r.ours, r.theirs) for r in undecided if not r.runs_to_show and r not in few])
        )
    return sentences


def runs_out_of_reach(rows: Sequence[Row]) -> str:
    """Return the number of runs needed to show any difference at all, or "" if there are enough."""
    needed = {row.note.rpartition("needs n >= ")[2].partition(";")[0] for row in rows if "needs n >= " in row.note}
    return max(needed, key=int, default="")


def _apart(undecided: Sequence[Row]) -> list[str]:
    """Return the undecided pairs in which every run of one scored higher than every run of the other."""
    above: dict[str, list[str]] = {}
    for row in undecided:
        if row.separated:
            above.setdefault(row.separated, []).append(row.theirs if row.separated == row.ours else row.ours)
    if not above:
        return []
    widest = sorted(above.items(), key=lambda entry: -len(entry[1]))
    pairs = [f"{name} above {join_names(others)}" for name, others in widest]
    more = f"; and {len(pairs) - _MOST_NAMED} more" if len(pairs) > _MOST_NAMED else ""
    return [
        "Not shown, although every run of one scored higher than every run of the other:"
        f" {'; '.join(pairs[:_MOST_NAMED])}{more}."
    ]


def _leave_out_zero(undecided: Sequence[Row], family: int) -> list[str]:
    """Return why pairs are undecided although the interval of their difference excludes 0."""
    uncorrected = sum("allows for one comparison" in row.note for row in undecided)
    tasks_differ = sum("the tasks differ in who is ahead" in row.note for row in undecided)
    too_variable = sum("leaves 0 out" in row.note for row in undecided) - uncorrected - tasks_differ
    sentences = []
    if uncorrected:
        sentences.append(
            f"For {plural(uncorrected, 'undecided pair')} the interval of the difference excludes 0, but p is not"
            f" significant after correction for {plural(family, 'comparison')}."
        )
    reasons = (
        (too_variable, "the runs vary too much for their number"),
        (tasks_differ, "the tasks differ in who is ahead, or by how much"),
    )
    for number_of, why in reasons:
        if number_of:
            which = f"{number_of} more" if sentences else plural(number_of, "undecided pair")
            interval_text = "it" if sentences else "the interval of the difference"
            sentences.append(f"For {which} {interval_text} excludes 0, but {why}.")
    return sentences


def _needed(needed: Mapping[tuple[str, str], int], unknown: Sequence[tuple[str, str]]) -> str:
    """Return about how many runs of each would show differences of the observed size.

    unknown: pairs for which that number is not known.
    """
    ordered = sorted(needed.items(), key=lambda entry: entry[1])
    if len(ordered) == 1 and not unknown:
        (runs,) = needed.values()
        return (
            f"If the difference is as large as it looks, about {runs:,} runs of each would show it ({POWER:.0%} power)."
        )
    shown = ordered if len(ordered) <= FEW_PAIRS else [ordered[0], ordered[-1]]
    needs = [f"{runs:,} for {ours} against {theirs}" for (ours, theirs), runs in shown]
    text = f"{' to '.join(needs)}" if len(ordered) > FEW_PAIRS else join_names(needs)
    unknown_pairs = [f"{ours} against {theirs}" for ours, theirs in unknown]
    rest = join_names(unknown_pairs) if len(unknown_pairs) <= FEW_PAIRS else plural(len(unknown_pairs), "other")
    return (
        "If differences are as large as they look, showing them takes about this many runs of each on each task"
        f" ({POWER:.0%} power): {text}{f'; for {rest} the number is not known' if unknown_pairs else ''}."
    )
