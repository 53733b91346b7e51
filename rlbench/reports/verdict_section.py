"""Section with the verdict: who is better than whom, how sure that is, and what is not shown, in words."""

from __future__ import annotations

from collections.abc import Sequence

from rlbench.analysis import Results
from rlbench.analysis.pairwise import Comparison
from rlbench.analysis.publications import publication_notes
from rlbench.analysis.reached_stages import stage_notes
from rlbench.analysis.sequential_log import Decisions
from rlbench.analysis.suite_results import MANY_RUNS, RESAMPLES_IF_LARGE
from rlbench.analysis.tuned_algorithms import left_at_defaults
from rlbench.analysis.tuning_budgets import budget_sentence
from rlbench.analysis.verdicts import Row
from rlbench.api.sections import Folded, Paragraph, Part, Points, Section, Table
from rlbench.reports.ranking_strips import MOST_TASKS_SHOWN, ranking_strips
from rlbench.reports.scores_section import chance_cells
from rlbench.reports.verdict_sentences import FEW_PAIRS, by_task, headline, over_all
from rlbench.stats.sequential_design import BETTER, EQUIVALENT, UNDECIDED
from rlbench.text import interval, join_names, number

_UNDECIDED = (
    "Undecided does not mean equal: showing that one algorithm is as good as another requires a margin (rlbench run"
    " --until-decided, or rlbench gate)."
)
_LARGE = (
    f"With more than {MANY_RUNS:,} runs, algorithms are only compared over all tasks, with {RESAMPLES_IF_LARGE:,}"
    " resamples; rlbench compare also compares them on each task."
)
_UNIT = "return; normalised over all tasks"
_OUTCOMES = {BETTER: "better or worse", EQUIVALENT: "equivalent", UNDECIDED: "undecided at the cap", "": "still open"}
_ADAPTIVE = (
    "Seeds were added group by group until each pair was decided. These verdicts allow for that (docs/adaptive.md)."
    " The intervals and probabilities elsewhere on this page do not allow for it, so those intervals are narrower than"
    " their level claims."
)


def section(results: Results) -> Section | None:
    if not results.cells:
        return None
    scores = results.final_scores
    scored = [name for name in scores.learners if scores.of(name)]
    decisions = results.sequential_decisions if results.document.get("adaptive") else None
    if decisions is not None and decisions.looks:
        return _sequential_verdicts(results, decisions)
    if len(scored) < 2:
        return Section([Paragraph(_nothing_to_compare(results, scored)), *_as_points(_caveats(results))])
    comparison = results.all_pairs
    tasks = by_task(comparison, scores.environments)
    folded = [Folded(f"The pairs on each of the {len(tasks)} tasks", [Points(tasks)])]
    shown = tasks if len(tasks) <= MOST_TASKS_SHOWN else []
    lines = [*over_all(comparison), *shown, *_caveats(results)]
    parts: list[Part] = [Paragraph(headline(comparison)), *ranking_strips(results), Points(lines)]
    parts += [] if shown or not tasks else folded
    if comparison.rows and not all(row.decided for row in comparison.rows):
        parts.append(Paragraph(_UNDECIDED, quiet=True))
    if results.only_over_all_tasks:
        parts.append(Paragraph(_LARGE, quiet=True))
    if comparison.rows:
        summary = (
            "The comparison with its numbers"
            if len(comparison.rows) == 1
            else f"All {len(comparison.rows)} comparisons with their numbers"
        )
        parts.append(Folded(summary, [_table(comparison)]))
    return Section(parts)


def _sequential_verdicts(results: Results, decisions: Decisions) -> Section:
    """Return the verdicts of the sequential tests: no other test allows for seeds added because of earlier results."""
    sentences = [decisions.sentence(reading) for reading in decisions.last.values()]
    outcomes = list(decisions.outcomes.values())
    counts = [f"{outcomes.count(kind)} {what}" for kind, what in _OUTCOMES.items() if kind in outcomes]
    headline = (
        f"{sentences[0]}."
        if len(sentences) == 1
        else (f"Of {len(outcomes)} pairs, with seeds added until they were decided: {', '.join(counts)}.")
    )
    lines = [*(("", f"{text}.") for text in sentences), *_caveats(results)]
    return Section([Paragraph(headline), *ranking_strips(results), Points(lines), Paragraph(_ADAPTIVE, quiet=True)])


def _nothing_to_compare(results: Results, scored: Sequence[str]) -> str:
    if not scored:
        return "There is nothing to compare yet: no run of a learning algorithm has a score."
    return f"There is nothing to compare: only {scored[0]} has scores."


def _as_points(lines: list[tuple[str, str]]) -> list[Part]:
    return [Points(lines)] if lines else []


def _caveats(results: Results) -> list[tuple[str, str]]:
    protocol = [*_self_reported(results), *_published(results), *_defaults(results), *_tuned(results)]
    return [*_random(results), *protocol, *_left_in_stages(results), *_absent(results)]


def _defaults(results: Results) -> list[tuple[str, str]]:
    """Return a line on the algorithms that have default hyperparameters although others do not."""
    names = left_at_defaults(results.suite)
    what = "others were given hyperparameters, so a difference may come from that choice."
    return [("At their defaults:", f"{join_names(names)}; {what}")] if names else []


def _tuned(results: Results) -> list[tuple[str, str]]:
    """Return what is known of the search for each algorithm's hyperparameters."""
    sentence = budget_sentence(results.tuned)
    sources = [f"{name}: {budget.where}" for name, budget in results.tuned.items() if budget and budget.where]
    text = f"{sentence}.{f' Sources: {join_names(sources)}.' if sources else ''}"
    return [("Tuning:", text)] if sentence else []


def _self_reported(results: Results) -> list[tuple[str, str]]:
    """Return the algorithms whose numbers rlbench did not count."""
    names = results.final_scores.self_reported
    what = (
        "rlbench neither metered these runs nor evaluated their policies, so a difference may come from the protocol."
    )
    return [("Self-reported:", f"{join_names(names)}; {what}")] if names else []


def _published(results: Results) -> list[tuple[str, str]]:
    """Return a line on the protocol of published runs, and on budgets that rule out a comparison."""
    notes = publication_notes(results.final_scores, results.final_scores.algorithms)
    if not notes:
        return []
    why = "Where its budget differs from another algorithm’s, the two are not compared or ranked."
    return [(f"{note[0].upper()}{note[1:].partition(', ')[0]}:", f"{note.partition(': ')[2]}. {why}") for note in notes]


def _random(results: Results) -> list[tuple[str, str]]:
    """Return the pairs whose interval is not entirely above that of the random policy."""
    chance = chance_cells(results)
    not_shown = [
        f"{cell.algorithm} on {cell.environment}"
        for cell in results.cells
        if (random := chance.get(cell.environment)) is not None
        and cell.algorithm in results.final_scores.learners
        and cell.low is not None
        and random.high is not None
        and cell.low <= random.high
    ]
    return [("Not shown to be better than random:", f"{join_names(not_shown)}.")] if not_shown else []


def _left_in_stages(results: Results) -> list[tuple[str, str]]:
    """Return the runs that were never trained on the task that they are scored on."""
    notes = stage_notes(results.final_scores.samples.values())
    return [("Never trained on the target of its curriculum:", f"{'; '.join(notes)}.")] if notes else []


def _absent(results: Results) -> list[tuple[str, str]]:
    missing = results.final_scores.absent()
    if not missing:
        return []
    statuses = results.table.loc[results.table["score"].isna(), "status"].value_counts()
    counts = ", ".join(f"{number} {status}" for status, number in statuses.items())
    details = f" {'; '.join(missing)}." if len(missing) <= FEW_PAIRS else " They are named below."
    return [
        (
            "Without a score:",
            f"{statuses.sum()} of {len(results.table)} runs ({counts}), which are not included in any number.{details}",
        )
    ]


def comparison_cells(row: Row) -> tuple[str, str, str]:
    """Return a comparison's difference, its interval and p after Holm, as shown in tables."""
    difference = row.difference
    return (
        "–" if difference is None else number(difference.estimate),
        "–" if difference is None else interval(difference.low, difference.high),
        "–" if row.p_holm is None else f"{row.p_holm:.3g}",
    )


def _table(comparison: Comparison) -> Table:
    groups: dict[str, list[tuple[str, ...]]] = {}
    for row in comparison.rows:
        cells = (row.ours, row.theirs, row.verdict, *comparison_cells(row), f"{row.n[0]}, {row.n[1]}", row.note)
        groups.setdefault(row.environment or "Over all common tasks, normalised", []).append(cells)
    note = (
        "Difference: IQM of the first minus IQM of the second, on normalised scores over all tasks and on returns on"
        " one task; 95 % percentile bootstrap over runs, for each comparison alone. p: the larger of the p of a"
        " permutation test (run labels exchanged within tasks) and the p of Welch's t of the IQMs (spreads may"
        f" differ), adjusted by Holm over all pairs ({comparison.family[0]} over all tasks, {comparison.family[1]} on"
        f" single tasks), random left out. Better or worse at p ≤ {comparison.alpha:g}. Nothing is paired by seed."
    )
    header = ("algorithm", "against", "verdict", "difference", "95 % interval", "p", "runs", "note")
    verdicts = [row[2] for rows in groups.values() for row in rows]
    return Table(
        "verdict",
        "Every comparison: difference of the IQMs, first minus second; p after Holm",
        header,
        list(groups.items()),
        (3, 4, 5, 6),
        True,
        note,
        units=("", "", "", _UNIT, _UNIT, "Holm", "of each", ""),
        bold=(bold := [(row, 3) for row, verdict in enumerate(verdicts) if verdict in ("better", "worse")]),
        bold_note="Bold: better or worse." if bold else "",
    )
