"""Where the time went, of those algorithms on those tasks that were run with `--profile`."""

from __future__ import annotations

from rlbench.api.sections import Section, Table
from rlbench.profiling.parts import PARTS
from rlbench.reports.report_data import Readings, rows_of
from rlbench.reports.style import number
from rlbench.results.time_profiles import profile_of


def section(readings: Readings) -> Section | None:
    table = times(readings)
    return Section([table]) if table.groups else None


def times(readings: Readings) -> Table:
    """CPU seconds and shares by part, summed over groups; parts that took nothing anywhere have no column."""
    profiles = [(cell, profile_of(readings.of(rows_of(readings, cell)))) for cell in readings.cells]
    found = [(cell, profile) for cell, profile in profiles if profile is not None]
    parts = [part for part in PARTS if any(part in profile.seconds for _, profile in found)]
    groups: dict[str, list[tuple[str, ...]]] = {}
    for cell, profile in found:
        shown = [
            f"{number(profile.seconds[part], 1)} s, {100 * profile.share(part):.0f} %"
            if part in profile.seconds
            else "–"
            for part in parts
        ]
        note = f"from step {profile.from_step} on" if profile.from_step else ""
        row = (cell.algorithm, number(profile.total, 1), str(profile.groups), *shown, note)
        groups.setdefault(cell.environment, []).append(row)
    header = ("algorithm", "CPU s", "groups", *parts, "")
    legend = "; ".join(f"{part}: {PARTS[part]}" for part in parts)
    note = (
        "Processor time of the groups that were run with --profile, by samples of their stacks, each put down to what the"
        f" innermost telling function stands for. {legend}."
    )
    numbers = tuple(range(1, len(parts) + 3))
    return Table("times", "Where the time goes", header, list(groups.items()), numbers, True, note)
