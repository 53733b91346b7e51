"""What a checkup finds: one line each, with what to do and, where `rlbench doctor --fix` can do it, how."""

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

    kind: what findings of this sort are, as a plural ("damaged runs"). where: the path inside the result folder, or the
    part of the machine. what: what is so. advice: what to do; "" if nothing. mend: does it, and returns in words what
    was done; None if the user has to do it. It may raise OSError or StoreError, and nothing is lost then.
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
    """Return a finding that is worth knowing. kind: by default `where`."""
    return Finding(Level.NOTE, kind or where, where, what, advice)


def to_do(where: str, what: str, advice: str, kind: str = "", mend: Callable[[], str] | None = None) -> Finding:
    """Return a finding after which something has to be done. kind: by default `where`."""
    return Finding(Level.TO_DO, kind or where, where, what, advice, mend)
