"""Paths given by the user: a leading `~` means the home folder, even if no shell has expanded it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click


class UserPath(click.Path):
    """A path option that expands a leading `~`, which shells leave as it is in `--output=~/results`."""

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> Any:
        if isinstance(value, str):
            value = os.path.expanduser(value)
        return super().convert(value, parameter, context)


class OutputPath(UserPath):
    """A path option for a file or folder to write. A link is followed, because writing would replace the link itself.

    A pipe or a device is refused, because the new file would replace it; as root, even /dev/null.
    """

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> Any:
        path = Path(super().convert(value, parameter, context))
        if path.exists() and not (path.is_file() or path.is_dir()):
            self.fail(f"{path} is a pipe or a device, not a file; choose another place", parameter, context)
        return path.resolve() if path.is_symlink() else path


def short_path(path: Path) -> str:
    """Return the path as a user in the current folder would type it."""
    try:
        return str(path.relative_to(Path.cwd()))
    except (ValueError, OSError):
        return str(path)


def user_path(value: str) -> Path:
    """Return the path with a leading `~` expanded."""
    return Path(os.path.expanduser(value))
