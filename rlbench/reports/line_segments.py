"""The lines of a ranking, cut into one segment below each name, so that they wrap with the names."""

from __future__ import annotations

from rlbench.api.sections import Ranking


def segmented(ranking: Ranking) -> list[tuple[str, str, list[str]]]:
    """Return name, value and segments of each entry. Segments of the same line have the same index.

    A segment is "first", "in" or "last" below a name that the line joins, "past" below a name that it passes without
    joining it, and "" elsewhere. Lines that do not overlap share an index.
    """
    place = {name: at for at, (name, _) in enumerate(ranking.entries)}
    rows: list[list[str]] = []
    for names in sorted((sorted(place[name] for name in line) for line in ranking.lines), key=lambda line: line[0]):
        free = next((row for row in rows if not any(row[names[0] : names[-1] + 1])), None)
        if free is None:
            free = [""] * len(place)
            rows.append(free)
        for at in range(names[0], names[-1] + 1):
            kinds = {names[0]: "first", names[-1]: "last"}
            free[at] = kinds.get(at, "in" if at in names else "past")
    return [(name, value, [row[at] for row in rows]) for at, (name, value) in enumerate(ranking.entries)]
