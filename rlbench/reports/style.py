"""The format of names and numbers on the page."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

MOST_OPEN = 6  # figures of tasks that a section shows; if there are more, each is folded
_CUT = 20
_LONGEST_FILE_NAME = 60


def clean(text: str) -> str:
    """Return `text` on one line, without control and other unprintable characters."""
    return "".join(" " if c.isspace() else c for c in text if c.isspace() or c.isprintable())


def shorten(text: str, most: int = _CUT) -> str:
    """Return `text` cleaned and cut in the middle to at most `most` characters, to fit into a figure.

    The middle is cut because names usually differ at the beginning or at the end.
    """
    plain = clean(text)
    return plain if len(plain) <= most else f"{plain[: most // 2]}…{plain[1 - most // 2 :]}"


def file_names(names: Iterable[str]) -> dict[str, str]:
    """Return, for each name, text for a file name: letters, digits and dashes. No two are equal, even ignoring case."""
    chosen: dict[str, str] = {}
    taken: set[str] = set()
    for place, name in enumerate(dict.fromkeys(names), 1):
        base = re.sub(r"[^A-Za-z0-9]+", "-", name)[:_LONGEST_FILE_NAME].strip("-") or f"{place}"
        numbered = (f"{base}-{n}" for n in itertools.count(2))
        unique = next(text for text in itertools.chain([base], numbered) if text.lower() not in taken)
        taken.add(unique.lower())
        chosen[name] = unique
    return chosen


def in_words(value: Any) -> str:
    """Format a JSON object as "key value; key value", and anything else as text."""
    if not isinstance(value, Mapping):
        return as_text(value)
    entries = {key.replace("_", " "): as_text(entry) for key, entry in value.items()}
    if "memory bytes" in entries:
        entries["memory"] = f"{value['memory_bytes'] / 2**30:.1f} GiB"
        del entries["memory bytes"]
    return "; ".join(f"{key} {entry}" for key, entry in entries.items())


def as_text(value: Any) -> str:
    """Format a JSON value for a reader."""
    if value is None:
        return "none"
    return value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False)


class Letters:
    """Letters that stand for notes below a table: a, b, … z, aa, in the order of their first use."""

    def __init__(self) -> None:
        self._letters: dict[str, str] = {}

    def of(self, notes: Sequence[str]) -> list[str]:
        return [self._letters.setdefault(note, letter(len(self._letters))) for note in notes]

    @property
    def legend(self) -> list[tuple[str, str]]:
        return [(letter, note) for note, letter in self._letters.items()]


def letter(place: int) -> str:
    """Return the letter of a place from 0: a, …, z, aa, ab, …"""
    return (letter(place // 26 - 1) if place >= 26 else "") + chr(ord("a") + place % 26)
