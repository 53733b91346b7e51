"""Types of the options for figure files: a length, and a list of formats."""

from __future__ import annotations

import re
from typing import Any

import click

from rlbench.cli.declared_options import ParamType

_INCHES = {
    "in": 1.0,
    "cm": 1 / 2.54,
    "mm": 1 / 25.4,
    "pt": 1 / 72.27,
    "": 1.0,
}  # pt: TeX's point
_FORMATS = ("svg", "pdf", "png")
_NARROWEST, _WIDEST = 1.0, 40.0


class Length(ParamType):
    """A length such as 3.25in, 82mm, 8.2cm or 234pt; a number without a unit is in inches."""

    name = "length"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the length in inches."""
        found = re.fullmatch(r"\s*(\d+\.?\d*|\.\d+)\s*(in|cm|mm|pt|)\s*", str(value))
        if not found:
            self.fail(f"{value!r} is not a length; write one such as 3.25in, 82mm, 8.2cm or 234pt", param, ctx)
        inches = float(found[1]) * _INCHES[found[2]]
        if not _NARROWEST <= inches <= _WIDEST:
            self.fail(f"{value!r} is {inches:.3g} inches; use {_NARROWEST:g} to {_WIDEST:g}", param, ctx)
        return inches


class FileFormats(ParamType):
    """A list of formats, separated by commas, such as svg,png."""

    name = "format"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        """Return the formats of the list."""
        names = tuple(part.strip().lower() for part in str(value).split(","))
        for name in names:
            if name not in _FORMATS:
                self.fail(f"unknown format {name!r}; use {', '.join(_FORMATS)}", param, ctx)
        return names
