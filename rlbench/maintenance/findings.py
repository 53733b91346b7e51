"""Findings of a checkup: one line each, with advice and, if `rlbench doctor --fix` can mend it, how."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How much a finding matters."""

    OK = "ok"  # as it should be
    NOTE = "note"  # worth knowing; nothing has to be done
    TO_DO = "to do"  # something has to be done


@dataclass(frozen=True)
class Finding:
    """One line of a checkup.

    kind: a plural that names findings like this one ("damaged runs"). where: the path inside the result folder, or the
    part of the machine. what: what was found. advice: what to do; "" if nothing. mend: a function that follows the
    advice and returns in words what it did; None if only the user can follow it. It may raise OSError or StoreError;
    nothing is lost then.
    """

    level: Level
    kind: str
    where: str
    what: str
    advice: str = ""
    mend: Callable[[], str] | None = None

    def __str__(self) -> str:
        return f"{self.where}: {self.what}" + (f"; {self.advice}" if self.advice else "")


def ok(where: str, what: str) -> Finding:
    """Return the finding that a part of the machine or of the folder is as it should be."""
    return Finding(Level.OK, where, where, what)


def note(where: str, what: str, advice: str = "", kind: str = "") -> Finding:
    """Return a finding that is worth knowing. kind: `where` by default."""
    return Finding(Level.NOTE, kind or where, where, what, advice)


def to_do(where: str, what: str, advice: str, kind: str = "", mend: Callable[[], str] | None = None) -> Finding:
    """Return a finding that requires somebody to do something. kind: `where` by default."""
    return Finding(Level.TO_DO, kind or where, where, what, advice, mend)
