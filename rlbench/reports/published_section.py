"""Our runs held against published scores, each under the protocol of its source."""

from __future__ import annotations

from collections.abc import Sequence

from rlbench.analysis.published_check import Checked, check_against
from rlbench.analysis.published_scores import PROTOCOLS, published
from rlbench.api.sections import Heading, Paragraph, Part, Section, Table
from rlbench.reports.report_data import Readings
from rlbench.reports.style import interval, number

_NOTE = (
    "Ours: our statistic made as the source made its own, mean over our runs with its 95 % interval. Expected: where a number"
    " published from runs like ours would lie in 95 of 100 cases. “Consistent” says that it lies there; it is no proof that the"
    " two are equal. Behind a number of one agent, or one without a spread, there is no test of means, only a prediction"
    " interval, of a normal model that does not know what a task can return. “Not comparable”, in grey: trained for another number of environment steps than theirs."
)


def section(readings: Readings) -> Section | None:
    """One table a source that has a score of one of our pairs."""
    parts: list[Part] = []
    ours = {(run.algorithm.rpartition("/")[2], run.task.env_id) for run in readings.asked.values()}
    for source, protocol in PROTOCOLS.items():
        if not any((score.ours, score.environment) in ours for score in published(source)):
            continue
        found = check_against(readings.store, source, readings.anchors)
        if found:
            spread = f" ±: {protocol.spread}." if protocol.spread else ""
            said = f"{protocol.title} ({protocol.where}): {protocol.statistic}.{spread}"
            table = _table(source, protocol.title, found, "" if parts else _NOTE)
            parts += [Heading(protocol.title), Paragraph(said, quiet=True), table]
    return Section(parts) if parts else None


def _table(source: str, title: str, found: Sequence[Checked], note: str) -> Table:
    header = (
        *("algorithm", "task", "published", "±", "their steps"),
        *("ours", "95 % interval", "n", "expected", "ours is", "note"),
    )
    rows = [_row(one) for one in found]
    apart = tuple(place for place, one in enumerate(found) if not one.comparable)
    return Table(f"published-{source}", f"Against {title}", header, [("", rows)], tuple(range(2, 9)), True, note, apart)


def _row(found: Checked) -> tuple[str, ...]:
    return (
        found.algorithm,
        found.environment,
        number(found.reference.mean),
        "–" if found.reference.std is None else number(found.reference.std),
        f"{found.reference.train_steps:,}",
        number(found.mean),
        interval(found.low, found.high),
        str(found.n),
        "–" if found.expected is None else interval(*found.expected),
        found.verdict,
        "; ".join(found.notes),
    )
