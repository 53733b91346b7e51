"""Who is better than whom, how sure that is, and where it cannot be said: in words, before any number."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import combinations
from statistics import NormalDist

from rlbench.api.sections import Folded, Paragraph, Part, Points, Section, Table
from rlbench.comparison import FEWEST_FOR_VERDICT
from rlbench.comparison.decisions import Decisions, read_decisions
from rlbench.comparison.pairs import ALPHA, Comparison, Row, Side, compare
from rlbench.reports.readings import Readings
from rlbench.reports.style import count, in_a_row, interval, number
from rlbench.reports.summary import chance_cells
from rlbench.stats.adaptive import BETTER, EQUIVALENT, UNDECIDED

POWER = 0.8
MANY_RUNS, RESAMPLES_IF_LARGE = 2_000, 1_000  # more runs are compared over all tasks only, or it would take minutes
_LARGE = (
    f"With more than {MANY_RUNS:,} runs algorithms are compared over all tasks only, from {RESAMPLES_IF_LARGE:,} resamples;"
    " rlbench compare does it for each task."
)
_OUTCOMES = {BETTER: "better or worse", EQUIVALENT: "equivalent", UNDECIDED: "undecided at the cap", "": "still open"}
_ADAPTIVE = (
    "Seeds were added group by group until each pair was decided. These verdicts allow for that (docs/adaptive.md); intervals"
    " and probabilities elsewhere on this page do not, and are narrower than they say."
)
_FEW_PAIRS = 3  # so many are each told in full
_MOST_RUNS = 1_000
_NORMAL = NormalDist()


def section(readings: Readings) -> Section | None:
    if not readings.cells:
        return None
    scores = readings.scores
    scored = [name for name in scores.learners if scores.of(name)]
    decisions = read_decisions(readings.store) if readings.suite.get("adaptive") else None
    if decisions is not None and decisions.looks:
        return _decided(readings, decisions)
    sides = {name: Side(scores, name, name) for name in scored}
    if len(scored) < 2:
        return Section([Paragraph(_alone(readings, scored)), *_points(_caveats(readings))])
    pairs = [(sides[a], sides[b]) for a, b in combinations(scored, 2) if set(scores.of(a)) & set(scores.of(b))]
    large = len(readings.runs) > MANY_RUNS and len(scores.anchors) > 1
    found = compare(pairs, resamples=RESAMPLES_IF_LARGE, by_task=False) if large else compare(pairs)
    lines = [*_over_all(found), *_by_task(found, scores.environments), *_caveats(readings)]
    parts: list[Part] = [Paragraph(_headline(found)), Points(lines)]
    if large:
        parts.append(Paragraph(_LARGE, quiet=True))
    if found.rows:
        every = (
            "The comparison with its numbers"
            if len(found.rows) == 1
            else f"All {len(found.rows)} comparisons with their numbers"
        )
        parts.append(Folded(every, [_table(found)]))
    return Section(parts)


def _decided(readings: Readings, decisions: Decisions) -> Section:
    """What adaptive seeds have decided: only that allows for their having been added by what was seen."""
    told = [decisions.told(reading) for reading in decisions.last.values()]
    outcomes = list(decisions.outcomes.values())
    counts = [f"{outcomes.count(kind)} {what}" for kind, what in _OUTCOMES.items() if kind in outcomes]
    headline = (
        f"{told[0]}."
        if len(told) == 1
        else (f"Of {len(outcomes)} pairs, with seeds added until they were decided: {', '.join(counts)}.")
    )
    lines = [*(("", f"{text}.") for text in told), *_caveats(readings)]
    return Section([Paragraph(headline), Points(lines), Paragraph(_ADAPTIVE, quiet=True)])


def _alone(readings: Readings, scored: Sequence[str]) -> str:
    if not scored:
        return "There is nothing to compare yet: no run of a learning algorithm has a score."
    return f"There is nothing to compare: only {scored[0]} has scores."


def _points(lines: list[tuple[str, str]]) -> list[Part]:
    return [Points(lines)] if lines else []


def _headline(found: Comparison) -> str:
    """One sentence that answers the question as far as it can be answered."""
    rows = found.verdicts
    if not rows:
        return "No two algorithms were run on the same task."
    if len(rows) <= _FEW_PAIRS and any(row.decided for row in rows):
        return " ".join(f"{_said(row)}." for row in rows if row.decided)
    wins, losses = _wins(rows), _wins(rows, "worse")
    if len(rows) <= _FEW_PAIRS:
        return " ".join(f"{_open(row)}." for row in rows)
    decided = sum(1 for row in rows if row.decided)
    what = "pairs over their common tasks" if any(not row.environment for row in rows) else "pairs"
    if not decided:
        if all(min(row.n) / row.tasks < FEWEST_FOR_VERDICT for row in rows):
            return f"With fewer than {FEWEST_FOR_VERDICT} runs of each nothing is decided: the numbers below only describe."
        return f"None of the {len(rows)} {what} is decided: no algorithm is shown to be better than another."
    most = max(map(len, wins.values()), default=0)
    first = [name for name, beaten in wins.items() if len(beaten) == most]
    unbeaten = [name for name in first if not losses.get(name)]
    also = (
        "" if len(unbeaten) < len(first) else " and is beaten by none" if len(first) == 1 else " and are beaten by none"
    )
    return (
        f"{in_a_row(first)} {'beats' if len(first) == 1 else 'beat'} the most others ({most}){also};"
        f" {decided} of {len(rows)} {what} are decided."
    )


def _open(row: Row) -> str:
    where = f"on {row.environment}" if row.environment else f"over {row.tasks} tasks"
    return f"Whether {row.ours} or {row.theirs} is better {where} cannot be said"


def _wins(rows: Sequence[Row], verdict: str = "better") -> dict[str, list[str]]:
    """Whom each algorithm is better than ("worse": by whom it is beaten), those with the most first."""
    found: dict[str, list[str]] = {}
    for row in rows:
        if row.verdict in ("better", "worse"):
            one, other = (row.ours, row.theirs) if row.verdict == verdict else (row.theirs, row.ours)
            found.setdefault(one, []).append(other)
    return dict(sorted(found.items(), key=lambda entry: -len(entry[1])))


def _over_all(found: Comparison) -> list[tuple[str, str]]:
    rows = [row for row in found.rows if not row.environment]
    if not rows:
        return []
    return _lines(rows, "Over all common tasks", found, overall=True)


def _by_task(found: Comparison, tasks: Sequence[str]) -> list[tuple[str, str]]:
    lines = []
    for task in tasks:
        rows = [row for row in found.rows if row.environment == task]
        if rows:
            lines += _lines(rows, task, found, overall=False)
    return lines


def _lines(rows: Sequence[Row], where: str, found: Comparison, overall: bool) -> list[tuple[str, str]]:
    """What is decided, by whom, and what is not."""
    said = [_said(row) for row in rows] if len(rows) <= _FEW_PAIRS else _summed(rows)
    open_rows = [row for row in rows if not row.decided]
    text = "; ".join(said) + "." if said else ""
    family = found.family[0 if overall else 1]
    if open_rows:
        text += f" {_undecided(open_rows, rows, family, overall)}"
    return [(f"{where}:", text.strip())]


def _summed(rows: Sequence[Row]) -> list[str]:
    said = []
    for name, beaten in _wins(rows).items():
        worst = max(row.p_holm or 0.0 for row in rows if {row.ours, row.theirs} & set(beaten) and _won(row, name))
        said.append(f"{name} is better than {in_a_row(beaten)} (p {_p(worst)})")
    same = [f"{row.ours} and {row.theirs} are identical" for row in rows if row.verdict == "identical"]
    return [*said, *same]


def _won(row: Row, name: str) -> bool:
    return (row.verdict == "better" and row.ours == name) or (row.verdict == "worse" and row.theirs == name)


def _said(row: Row) -> str:
    """One pair in full."""
    where = f"on {row.environment}" if row.environment else f"over {row.tasks} tasks"
    if row.verdict == "identical":
        return f"{row.ours} and {row.theirs} are identical {where}"
    if row.estimates is None or row.difference is None:
        return f"{row.ours} against {row.theirs} {where}: {row.verdict}"
    worse = row.verdict == "worse"
    sign = -1 if worse else 1
    ours, theirs = (row.theirs, row.ours) if worse else (row.ours, row.theirs)
    estimates = row.estimates[::-1] if worse else row.estimates
    low, high = sorted((sign * row.difference.low, sign * row.difference.high))
    numbers = (
        f"IQM {number(estimates[0])} against {number(estimates[1])}, difference {number(sign * row.difference.estimate)}"
        f" {interval(low, high)}, p {_p(row.p_holm or 0.0)}"
    )
    if row.decided:
        return f"{ours} is better than {theirs} {where} ({numbers})"
    return f"between {ours} and {theirs} {where} it cannot be said ({numbers}{_separated(row)})"


def _separated(row: Row) -> str:
    """What is plain to see although no test shows it."""
    if row.improvement is None or row.improvement.estimate not in (0.0, 1.0):
        return ""
    first = row.ours if row.improvement.estimate == 1.0 else row.theirs
    tied = f", but {row.note}" if "tie leave p" in row.note else ""
    return f"; every run of {first} scored higher{tied}"


def _p(value: float) -> str:
    if value >= 1:
        return "= 1"
    return "< 0.001" if value < 0.001 else f"≤ {math.ceil(value * 1000) / 1000:.3f}"  # rounded up, so that it holds


def _undecided(open_rows: Sequence[Row], rows: Sequence[Row], family: int, overall: bool) -> str:
    """How many pairs are open, why, and what it would take."""
    few = [row for row in open_rows if row.verdict in ("descriptive only", "too few runs", "no scores")]
    said = []
    if len(rows) > _FEW_PAIRS:
        who = "None" if len(open_rows) == len(rows) else f"{len(rows) - len(open_rows)}"
        pairs = "pairs that share several tasks" if overall else "pairs"
        said.append(f"{who} of {len(rows)} {pairs} {'is' if who in ('None', '1') else 'are'} decided.")
    if few:
        rest = "them" if len(open_rows) == len(rows) else "the others"
        which = "All" if len(few) == len(open_rows) else f"{len(few)} of {rest}"
        said.append(f"{which} have under {FEWEST_FOR_VERDICT} runs on a side, which only describe.")
    reach = sorted({row.note.rpartition("needs n >= ")[2] for row in open_rows if "needs n >= " in row.note}, key=int)
    if reach:
        among = count(family, "comparison")
        said.append(f"So few runs could not show anything among {among}: it takes {reach[-1]} of each.")
    alike = [row for row in open_rows if row.difference is not None and row.difference.estimate == 0]
    if alike and len(rows) <= _FEW_PAIRS:
        said.append("Where the estimates are equal, no number of runs is known that would tell them apart.")
    needed = {(row.ours, row.theirs): runs for row in open_rows if (runs := runs_for(row, family)) is not None}
    if needed and not reach:
        said.append(_needed(needed))
    return " ".join(said)


def _needed(needed: Mapping[tuple[str, str], int]) -> str:
    (ours, theirs), least = min(needed.items(), key=lambda entry: entry[1])
    within = [pair for pair, runs in needed.items() if runs <= _MOST_RUNS]
    if not within:
        return f"If the differences are as small as they look, more than {_MOST_RUNS:,} runs of each would be needed."
    if len(needed) == 1:
        return (
            f"If the difference is as large as it looks, about {least} runs of each would show it ({POWER:.0%} power)."
        )
    most = max(needed[pair] for pair in within)
    return (
        f"If differences are as large as they look, it takes about {least} runs of each for the pair that takes fewest ({ours} against"
        f" {theirs}) and {'up to' if len(within) == len(needed) else 'over'} {most if len(within) == len(needed) else _MOST_RUNS:,}"
        f" for the pair that takes most ({POWER:.0%} power)."
    )


def runs_for(row: Row, family: int) -> int | None:
    """About how many runs on each side of each task would show a difference as large as this one looks.

    Normal approximation: the standard error falls with √n; α is shared out over the family (Bonferroni). None where there is
    no interval, or no difference.
    """
    if row.difference is None or "tie leave p" in row.note or row.verdict in ("too few runs", "no scores", "identical"):
        return None
    width, size = row.difference.high - row.difference.low, abs(row.difference.estimate)
    if not (width > 0 and size > 0 and math.isfinite(width)):
        return None
    error = width / (2 * _NORMAL.inv_cdf(0.5 + row.difference.level / 2))
    reach = _NORMAL.inv_cdf(1 - ALPHA / (2 * max(1, family))) + _NORMAL.inv_cdf(POWER)
    each = min(row.n) / row.tasks
    return max(math.ceil(each), FEWEST_FOR_VERDICT, math.ceil(each * (reach * error / size) ** 2))


def _caveats(readings: Readings) -> list[tuple[str, str]]:
    return [*_random(readings), *_self_reported(readings), *_absent(readings)]


def _self_reported(readings: Readings) -> list[tuple[str, str]]:
    """Whose numbers nobody else has counted."""
    names = readings.scores.self_reported
    what = "neither metered nor played in the common evaluation, so a difference may be one of protocol."
    return [("Self-reported:", f"{in_a_row(names)}; {what}")] if names else []


def _random(readings: Readings) -> list[tuple[str, str]]:
    """Who was not shown to be better than the random policy."""
    chance = chance_cells(readings)
    weak = [
        f"{cell.algorithm} on {cell.environment}"
        for cell in readings.cells
        if (random := chance.get(cell.environment)) is not None
        and cell.algorithm in readings.scores.learners
        and cell.low is not None
        and random.high is not None
        and cell.low <= random.high
    ]
    return [("No better than random:", f"{in_a_row(weak)}.")] if weak else []


def _absent(readings: Readings) -> list[tuple[str, str]]:
    missing = readings.scores.absent()
    if not missing:
        return []
    lost = readings.runs.loc[readings.runs["score"].isna(), "status"].value_counts()
    counts = ", ".join(f"{number} {status}" for status, number in lost.items())
    shown = f" {'; '.join(missing)}." if len(missing) <= _FEW_PAIRS else " They are named below."
    return [
        ("Without a score:", f"{lost.sum()} of {len(readings.runs)} runs ({counts}), which enter no number.{shown}")
    ]


def shown(row: Row) -> tuple[str, str, str]:
    """A comparison's difference, its interval and p after Holm, as a table has them."""
    difference = row.difference
    return (
        "–" if difference is None else number(difference.estimate),
        "–" if difference is None else interval(difference.low, difference.high),
        "–" if row.p_holm is None else f"{row.p_holm:.3g}",
    )


def _table(found: Comparison) -> Table:
    groups: dict[str, list[tuple[str, ...]]] = {}
    for row in found.rows:
        cells = (row.ours, row.theirs, row.verdict, *shown(row), f"{row.n[0]}, {row.n[1]}", row.note)
        groups.setdefault(row.environment or "Over all common tasks, normalised", []).append(cells)
    note = (
        "Difference: IQM of the first minus that of the second, over all tasks on normalised scores, on one task in its returns;"
        " 95 % percentile bootstrap over runs. p: two-sample permutation test of run labels within tasks, adjusted by Holm over"
        f" all pairs ({found.family[0]} over all tasks, {found.family[1]} on single ones), random left out. Better or worse at"
        f" p ≤ {found.alpha:g}. Nothing is paired by seed."
    )
    header = ("algorithm", "against", "verdict", "difference", "95 % interval", "p", "runs", "note")
    return Table("verdict", "Every comparison", header, list(groups.items()), (3, 4, 5, 6), True, note)
