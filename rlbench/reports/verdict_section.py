"""Who is better than whom, how sure that is, and what is not shown: in words, before any number."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from rlbench.analysis.pairwise import Comparison, Row, Side, compare
from rlbench.analysis.sequential_log import Decisions, read_decisions
from rlbench.analysis.tuned_algorithms import left_at_defaults
from rlbench.api.sections import Folded, Paragraph, Part, Points, Section, Table
from rlbench.reports.report_data import Readings
from rlbench.reports.scores_section import chance_cells
from rlbench.reports.style import in_a_row, interval, number
from rlbench.reports.verdict_sentences import FEW_PAIRS, by_task, headline, over_all
from rlbench.stats.sequential_design import BETTER, EQUIVALENT, UNDECIDED

_UNDECIDED = (
    "Undecided does not mean equal: that two are as good takes a margin (rlbench run --until-decided, or rlbench gate)."
)
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
    lines = [*over_all(found), *by_task(found, scores.environments), *_caveats(readings)]
    parts: list[Part] = [Paragraph(headline(found)), Points(lines)]
    if found.rows and not all(row.decided for row in found.rows):
        parts.append(Paragraph(_UNDECIDED, quiet=True))
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


def _caveats(readings: Readings) -> list[tuple[str, str]]:
    return [*_random(readings), *_self_reported(readings), *_defaults(readings), *_absent(readings)]


def _defaults(readings: Readings) -> list[tuple[str, str]]:
    """Name who was left at its defaults where others were not."""
    names = left_at_defaults(readings.suite["suite"])
    what = "others were given hyperparameters, so a difference may be one of choosing them."
    return [("At their defaults:", f"{in_a_row(names)}; {what}")] if names else []


def _self_reported(readings: Readings) -> list[tuple[str, str]]:
    """Whose numbers nobody else has counted."""
    names = readings.scores.self_reported
    what = "neither metered nor played in the common evaluation, so a difference may be one of protocol."
    return [("Self-reported:", f"{in_a_row(names)}; {what}")] if names else []


def _random(readings: Readings) -> list[tuple[str, str]]:
    """Name the pairs whose interval is not wholly above that of the random policy."""
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
    return [("Not shown to be better than random:", f"{in_a_row(weak)}.")] if weak else []


def _absent(readings: Readings) -> list[tuple[str, str]]:
    missing = readings.scores.absent()
    if not missing:
        return []
    lost = readings.runs.loc[readings.runs["score"].isna(), "status"].value_counts()
    counts = ", ".join(f"{number} {status}" for status, number in lost.items())
    shown = f" {'; '.join(missing)}." if len(missing) <= FEW_PAIRS else " They are named below."
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
        " 95 % percentile bootstrap over runs, of each comparison alone. p: the larger of a permutation's (run labels exchanged"
        " within tasks) and Welch's t of the IQMs (spreads may differ), adjusted by Holm over all pairs"
        f" ({found.family[0]} over all tasks, {found.family[1]} on single ones), random left out. Better or worse at"
        f" p ≤ {found.alpha:g}. Nothing is paired by seed."
    )
    header = ("algorithm", "against", "verdict", "difference", "95 % interval", "p", "runs", "note")
    return Table("verdict", "Every comparison", header, list(groups.items()), (3, 4, 5, 6), True, note)
