"""Section that compares our runs with published scores, each under the protocol of its source."""

from __future__ import annotations

from collections.abc import Sequence

from rlbench.analysis import Results
from rlbench.analysis.published_check import PublishedComparison, check_against
from rlbench.analysis.published_scores import PROTOCOLS, published_scores
from rlbench.api.sections import Heading, Paragraph, Part, Section, Table
from rlbench.text import interval, number

_NOTE = (
    "Ours: the source’s statistic, computed from our runs; mean over our runs with its 95 % interval. Expected: the"
    " range in which a number published from runs like ours would lie in 95 of 100 cases. “Consistent” means that the"
    " published number is in that range; it does not prove that the two are equal. If a published number comes from"
    " one agent or has no spread, means cannot be tested; the range is then a prediction interval, whose normal model"
    " ignores the bounds of a task’s returns. “Not comparable”, in grey: our number of environment steps differs from"
    " the source’s."
)


def section(results: Results) -> Section | None:
    """Return a table for each source that has published a score for one of our pairs of algorithm and task."""
    parts: list[Part] = []
    ours = {(run.algorithm, run.task.env_id) for run in results.run_by_key.values()}
    for source, protocol in PROTOCOLS.items():
        if not any(score.is_of(*cell) for score in published_scores(source) for cell in ours):
            continue
        comparisons = check_against(results, source)
        if comparisons:
            spread = f" ±: {protocol.spread}." if protocol.spread else ""
            description = f"{protocol.title} ({protocol.where}): {protocol.statistic}.{spread}"
            table = _table(source, protocol.title, comparisons, "" if parts else _NOTE)
            parts += [Heading(protocol.title), Paragraph(description, quiet=True), table]
    return Section(parts) if parts else None


def _table(source: str, title: str, comparisons: Sequence[PublishedComparison], note: str) -> Table:
    header = (
        *("algorithm", "task", "published", "±", "their steps"),
        *("ours", "95 % interval", "n", "expected", "ours is", "note"),
    )
    rows = [_row(comparison) for comparison in comparisons]
    not_comparable = tuple(place for place, comparison in enumerate(comparisons) if not comparison.comparable)
    units = ("", "", "return", "return", "", "return", "return", "runs", "return", "", "")
    numbers = tuple(range(2, 9))
    name = f"published-{source}"
    return Table(name, f"Against {title}", header, [("", rows)], numbers, True, note, not_comparable, units=units)


def _row(comparison: PublishedComparison) -> tuple[str, ...]:
    return (
        comparison.algorithm,
        comparison.environment,
        number(comparison.reference.mean),
        "–" if comparison.reference.std is None else number(comparison.reference.std),
        f"{comparison.reference.train_steps:,}",
        number(comparison.mean),
        interval(comparison.low, comparison.high),
        str(comparison.n),
        "–" if comparison.expected is None else interval(*comparison.expected),
        comparison.verdict,
        "; ".join(comparison.notes),
    )
