"""Paths on the command line and in the environment: `~` means the user's folder, also where no shell has said so."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click


class UserPath(click.Path):
    """A path of which a leading `~` is expanded, as in `--output=~/results`, which shells hand on as it is."""

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> Any:
        if isinstance(value, str):
            value = os.path.expanduser(value)
        return super().convert(value, parameter, context)


def shown(path: Path) -> str:
    """The path as one would type it here."""
    try:
        return str(path.relative_to(Path.cwd()))
    except (ValueError, OSError):
        return str(path)


def user_path(value: str) -> Path:
    """The path that was given, `~` expanded."""
    return Path(os.path.expanduser(value))
