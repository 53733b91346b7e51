"""Section on where the time goes, for the algorithms and tasks that were run with `--profile`."""

from __future__ import annotations

from rlbench.analysis import Results
from rlbench.api.sections import Section, Table
from rlbench.profiling.parts import PARTS
from rlbench.results.time_profiles import profile_of
from rlbench.text import number


def section(results: Results) -> Section | None:
    table = times(results)
    return Section([table]) if table.groups else None


def times(results: Results) -> Table:
    """Return CPU seconds and shares by part, summed over groups. Parts without any time have no column."""
    profiles = [(cell, profile_of(results.results_of(results.rows_of(cell)))) for cell in results.cells]
    profiled = [(cell, profile) for cell, profile in profiles if profile is not None]
    parts = [part for part in PARTS if any(part in profile.seconds for _, profile in profiled)]
    groups: dict[str, list[tuple[str, ...]]] = {}
    for cell, profile in profiled:
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
        "Processor time of the groups that were run with --profile, by sampling their call stacks. Each sample counts"
        f" for the part of its innermost recognised function. {legend}."
    )
    numbers = tuple(range(1, len(parts) + 3))
    return Table("times", "Where the time goes", header, list(groups.items()), numbers, True, note)
