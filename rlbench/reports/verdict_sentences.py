"""The pairs of a comparison in sentences: which are decided, which are not, why, and what it would take.

Only what the tests decide is called better. What they do not decide is called not shown, and is never turned into "not
worse"; pairs whose runs lie wholly apart are named as that, decided or not.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from rlbench.analysis import FEWEST_FOR_VERDICT
from rlbench.analysis.pairwise import Comparison, Row
from rlbench.reports.style import count, in_a_row, interval, number
from rlbench.stats.two_sample import POWER

FEW_PAIRS = 3  # so many are each told in full
_MOST_NAMED = 6
_ONLY_DESCRIBED = ("descriptive only", "too few runs", "no scores")
Line = tuple[str, str]


def headline(found: Comparison) -> str:
    """Answer in a sentence or two as far as the tests can answer."""
    rows = found.verdicts
    if not rows:
        return "No two algorithms were run on the same task."
    decided = [row for row in rows if row.decided]
    if len(rows) <= FEW_PAIRS:
        told = [_in_full(row) for row in decided] or [_not_shown(row) for row in rows]
        return " ".join(f"{text}." for text in told)
    if not decided:
        return _nothing_decided(rows)
    wins, losses = _wins(rows), _wins(rows, "worse")
    share = f"{len(decided)} of {len(rows)} pairs {'is' if len(decided) == 1 else 'are'} decided."
    if not wins:
        return share
    most = max(map(len, wins.values()))
    first = [name for name, others in wins.items() if len(others) == most]
    unrivalled = [name for name in first if not losses.get(name)]
    one = len(first) == 1
    same = {tuple(sorted(wins[name])) for name in first}
    whom = (
        in_a_row(wins[first[0]]) if len(same) == 1 and most <= FEW_PAIRS else f"{count(most, 'other')}, the most of all"
    )
    places = {_place(row) for row in decided if any(_won(row, name) for name in first)}
    where = f" {places.pop()}" if len(places) == 1 else ""
    text = f"{in_a_row(first)} {'is' if one else 'are each'} shown to be better than {whom}{where}"
    if unrivalled == first:
        text += f"; no algorithm is shown to be better than {'it' if one else 'them'}"
    return f"{text}. {share}"


def _nothing_decided(rows: Sequence[Row]) -> str:
    if all(min(row.n) / row.tasks < FEWEST_FOR_VERDICT for row in rows):
        return f"With fewer than {FEWEST_FOR_VERDICT} runs of each nothing is decided: the numbers below only describe."
    none = f"None of the {len(rows)} pairs is decided"
    tested = [row for row in rows if row.verdict not in _ONLY_DESCRIBED]
    if (needed := _out_of_reach(rows)) and all("needs n >= " in row.note for row in tested):
        return (
            f"{none}: so few runs could not show any difference among them, however large. It takes {needed} of each."
        )
    return f"{none}: no algorithm is shown to be better than another, nor to be as good."


def over_all(found: Comparison) -> list[Line]:
    """Tell of the pairs over all tasks that both have."""
    rows = [row for row in found.rows if not row.environment]
    return [_line(rows, "Over all common tasks", found.family[0])] if rows else []


def by_task(found: Comparison, tasks: Sequence[str]) -> list[Line]:
    """Tell of the pairs on each task."""
    groups = {task: [row for row in found.rows if row.environment == task] for task in tasks}
    return [_line(rows, task, found.family[1]) for task, rows in groups.items() if rows]


def _line(rows: Sequence[Row], where: str, family: int) -> Line:
    """Tell what is decided, by whom, and what is not."""
    told = [_in_full(row) for row in rows] if len(rows) <= FEW_PAIRS else _summed_up(rows)
    sentences = ["; ".join(told) + "."] if told else []
    if any(not row.decided for row in rows):
        sentences += _undecided(rows, family)
    return f"{where}:", " ".join(sentences)


def _wins(rows: Sequence[Row], verdict: str = "better") -> dict[str, list[str]]:
    """Return whom each algorithm is better than ("worse": which are better than it), those with the most first."""
    found: dict[str, list[str]] = {}
    for row in rows:
        if row.verdict in ("better", "worse"):
            one, other = (row.ours, row.theirs) if row.verdict == verdict else (row.theirs, row.ours)
            found.setdefault(one, []).append(other)
    return dict(sorted(found.items(), key=lambda entry: -len(entry[1])))


def _summed_up(rows: Sequence[Row]) -> list[str]:
    told = []
    for name, others in _wins(rows).items():
        worst = max(row.p_holm or 0.0 for row in rows if _won(row, name))
        told.append(f"{name} is better than {in_a_row(others)} (p {_p(worst)})")
    return [*told, *(f"{row.ours} and {row.theirs} are identical" for row in rows if row.verdict == "identical")]


def _won(row: Row, name: str) -> bool:
    return (row.verdict == "better" and row.ours == name) or (row.verdict == "worse" and row.theirs == name)


def _place(row: Row) -> str:
    return f"on {row.environment}" if row.environment else f"over {count(row.tasks, 'task')}"


def _not_shown(row: Row) -> str:
    return f"Whether {row.ours} or {row.theirs} is better {_place(row)} is not shown"


def _in_full(row: Row) -> str:
    """One pair with its numbers."""
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
        f"IQM {number(estimates[0])} against {number(estimates[1])}, difference {number(sign * row.difference.estimate)}"
        f" {interval(low, high)}, p {_p(row.p_holm or 0.0)}"
    ]
    # Too few runs are told once, after the pairs.
    parts += [note for note in row.note.split("; ") if note and not note.startswith("n too small")]
    if row.decided:
        return f"{ours} is better than {theirs} {_place(row)} ({'; '.join(parts)})"
    return f"{ours} against {theirs} {_place(row)} is undecided ({'; '.join(parts)})"


def _p(value: float) -> str:
    """A bound rounded up, so that it holds; larger ones as they are."""
    if value >= 1:
        return "= 1"
    if value > 0.1:
        return f"= {value:.2f}"
    return "< 0.001" if value < 0.001 else f"≤ {math.ceil(value * 1000) / 1000:.3f}"


def _undecided(rows: Sequence[Row], family: int) -> list[str]:
    """Say how many pairs are undecided, why, and what it would take."""
    left = [row for row in rows if not row.decided]
    few = [row for row in left if row.verdict in _ONLY_DESCRIBED]
    told, many = [], len(rows) > FEW_PAIRS
    if many:
        who = "None" if len(left) == len(rows) else f"{len(rows) - len(left)}"
        pairs = "pairs that share several tasks" if not rows[0].environment else "pairs"
        told.append(f"{who} of {len(rows)} {pairs} {'is' if who in ('None', '1') else 'are'} decided.")
    if few:
        rest = "them" if len(left) == len(rows) else "the others"
        which = "All" if len(few) == len(left) else f"{len(few)} of {rest}"
        told.append(f"{which} have fewer than {FEWEST_FOR_VERDICT} runs on a side, which only describe.")
    reach = _out_of_reach(left)
    if reach:
        among = count(family, "comparison")
        told.append(f"So few runs could not show anything among {among}, however large: it takes {reach} of each.")
    if many:
        told += _apart(left)
        told += _leave_out_zero(left, family)
    if not many and any(row.difference is not None and row.difference.estimate == 0 for row in left):
        told.append("Where the estimates are equal, no number of runs is known that would tell them apart.")
    needed = {(row.ours, row.theirs): row.runs_to_show for row in left if row.runs_to_show and row not in few}
    if needed and not reach:
        told.append(_needed(needed, [(r.ours, r.theirs) for r in left if not r.runs_to_show and r not in few]))
    return told


def _out_of_reach(rows: Sequence[Row]) -> str:
    """Return how many runs it takes that a difference can be shown at all, "" where there are enough."""
    needed = {row.note.rpartition("needs n >= ")[2].partition(";")[0] for row in rows if "needs n >= " in row.note}
    return max(needed, key=int, default="")


def _apart(left: Sequence[Row]) -> list[str]:
    """Name the undecided pairs of which every run of one scored higher than every run of the other."""
    above: dict[str, list[str]] = {}
    for row in left:
        if row.separated:
            above.setdefault(row.separated, []).append(row.theirs if row.separated == row.ours else row.ours)
    if not above:
        return []
    widest = sorted(above.items(), key=lambda entry: -len(entry[1]))
    pairs = [f"{name} above {in_a_row(others)}" for name, others in widest]
    more = f"; and {len(pairs) - _MOST_NAMED} more" if len(pairs) > _MOST_NAMED else ""
    return [
        f"Not shown, although every run of one scored higher than every run of the other: {'; '.join(pairs[:_MOST_NAMED])}{more}."
    ]


def _leave_out_zero(left: Sequence[Row], family: int) -> list[str]:
    """Say why pairs are undecided although the interval of their difference leaves 0 out."""
    alone = sum("allows for one comparison" in row.note for row in left)
    at_odds = sum("the tasks differ in who is ahead" in row.note for row in left)
    noisy = sum("leaves 0 out" in row.note for row in left) - alone - at_odds
    told = []
    if alone:
        told.append(
            f"Of {count(alone, 'undecided pair')} the interval of the difference excludes 0, but not after correcting for"
            f" {count(family, 'comparison')}."
        )
    reasons = (
        (noisy, "excludes 0, but the runs vary too much for so few of them"),
        (at_odds, "excludes 0, but the tasks differ in who is ahead, or by how much"),
    )
    for number_of, why in reasons:
        if number_of:
            which = (
                f"{number_of} more" if told else f"{count(number_of, 'undecided pair')} the interval of the difference:"
            )
            told.append(f"Of {which} {why}.")
    return told


def _needed(needed: Mapping[tuple[str, str], int], unknown: Sequence[tuple[str, str]]) -> str:
    """Say about how many runs in all would show differences as large as these look. unknown: pairs without a number."""
    ordered = sorted(needed.items(), key=lambda entry: entry[1])
    if len(ordered) == 1 and not unknown:
        (runs,) = needed.values()
        return (
            f"If the difference is as large as it looks, about {runs:,} runs of each would show it ({POWER:.0%} power)."
        )
    shown = ordered if len(ordered) <= FEW_PAIRS else [ordered[0], ordered[-1]]
    told = [f"{runs:,} for {ours} against {theirs}" for (ours, theirs), runs in shown]
    text = f"{' to '.join(told)}" if len(ordered) > FEW_PAIRS else in_a_row(told)
    none = [f"{ours} against {theirs}" for ours, theirs in unknown]
    rest = in_a_row(none) if len(none) <= FEW_PAIRS else count(len(none), "other")
    return (
        f"If differences are as large as they look, it takes about this many runs of each on each task ({POWER:.0%} power):"
        f" {text}{f'; for {rest} no number is known' if none else ''}."
    )
