"""The text of a suite file, the locations of its parts, and problems that point at a location."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from rlbench.messages import shortened

Location = tuple[str | int, ...]
_TOKEN = re.compile(r"[^\s,}\]#:]+")
_SHOWN = 200  # longest part of a line that is shown, in characters
_LONGEST = 4_000  # longest message, in characters; a message may list all known names


class Problem(NamedTuple):
    """A problem and its location: the keys and indices that lead to it.

    at_key: whether to point at the last key instead of its value.
    """

    location: Location
    message: str
    at_key: bool = False


@dataclass(frozen=True)
class Source:
    """A suite file as read. spellings: the file's spelling of misspelled keys, by the location of the intended key."""

    path: Path
    text: str
    document: Any = None
    spellings: Mapping[Location, str] = field(default_factory=dict)

    def describe(self, problems: Sequence[Problem]) -> str:
        """Return every problem as a compiler would print it, in the order of the file."""
        located = sorted((self._locate(p), p.message) for p in dict.fromkeys(problems))
        return "\n".join(self.point_at(line, column, message) for (line, column), message in located)

    def point_at(self, line: int, column: int, message: str) -> str:
        """Return file:line:column, the message, the line and a caret. line, column: counted from 0.

        Of a long line, only the part around the column is shown.
        """
        lines = self.text.splitlines()
        source = lines[line] if line < len(lines) else ""
        begin = max(0, column - _SHOWN // 2) if len(source) > _SHOWN else 0
        shown, at = source[begin : begin + _SHOWN], column - begin
        token = _TOKEN.match(shown[at:])
        mark = "^" * max(1, len(token[0]) if token else 1)
        message = shortened(message, _LONGEST)
        return f"{self.path}:{line + 1}:{column + 1}: error: {message}\n    {shown}\n    {' ' * at}{mark}"

    def _locate(self, problem: Problem) -> tuple[int, int]:
        """Return line and column (from 0) of the deepest part of a location that the file has."""
        node, place = self.document, (0, 0)
        for depth, part in enumerate(problem.location):
            name = self.spellings.get(problem.location[: depth + 1], part)
            try:
                if hasattr(node, "keys"):
                    last = depth == len(problem.location) - 1
                    scalar = not isinstance(node[name], (dict, list))
                    place = node.lc.value(name) if last and scalar and not problem.at_key else node.lc.key(name)
                else:
                    place = node.lc.item(name)
                node = node[name]
            except (AttributeError, KeyError, IndexError, TypeError):
                break
        return place
