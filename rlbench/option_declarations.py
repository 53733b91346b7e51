"""Declarations of options: one declaration serves the command line, Python and the documents.

An option is a field of a frozen dataclass. The field has the option's name, type and default; its metadata has the
rest. This module does not use click, so that runs can be described without a command line.
`cli/declared_options.py` makes click options of the fields.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, get_args, get_type_hints

from rlbench.api import SuiteError


class Use(StrEnum):
    """What an option decides."""

    SUITE = "overrides a key of the suite"
    PLAN = "how the suite is planned"
    TRAINING = "which runs are trained, and how"
    DESIGN = "part of the design of --until-decided"
    COMMAND = "what the command reads, writes and shows"


class Kind(StrEnum):
    """How the command line reads an option's text, if the type of the field does not determine it."""

    PLAIN = "as the type of the field"
    FILE = "path of a file"
    FOLDER = "path of a folder"
    SEEDS = "a number of seeds, or a list"
    DURATION = "a duration such as 8h"


@dataclass(frozen=True)
class Declaration:
    """An option. type: the type of a single value. repeatable: the field is a tuple. at_least: the least value."""

    name: str
    type: Any
    default: Any
    repeatable: bool
    flags: tuple[str, ...]
    help: str
    use: Use
    kind: Kind
    metavar: str | None
    at_least: int | None
    choices: tuple[str, ...]
    variable: str | None


def option(
    default: Any,
    flags: str,
    help: str,
    use: Use,
    kind: Kind = Kind.PLAIN,
    *,
    metavar: str | None = None,
    at_least: int | None = None,
    choices: tuple[str, ...] = (),
    variable: str | None = None,
) -> Any:
    """Declare an option as a dataclass field.

    flags: as on the command line, separated by spaces. variable: an environment variable that can set the option.
    """
    settings: dict[str, Any] = {"flags": tuple(flags.split()), "help": help, "use": use, "kind": kind}
    settings |= {"metavar": metavar, "at_least": at_least, "choices": choices, "variable": variable}
    return dataclasses.field(default=default, metadata=settings)


def declarations(options: type[Any]) -> tuple[Declaration, ...]:
    """Return the options that a dataclass declares, in the order of its fields."""
    hints, declared = get_type_hints(options), []
    for field in dataclasses.fields(options):
        parts = [part for part in get_args(hints[field.name]) or (hints[field.name],) if part is not type(None)]
        repeatable = isinstance(field.default, tuple)
        declared.append(Declaration(field.name, parts[0], field.default, repeatable, **field.metadata))
    return tuple(declared)


def names_used_for(options: type[Any], *uses: Use) -> list[str]:
    """Return the names of the options whose `use` is among `uses`."""
    return [declaration.name for declaration in declarations(options) if declaration.use in uses]


def check_ranges(options: Any) -> None:
    """Check that no value is below the minimum of its option. Raises: SuiteError."""
    for declaration in declarations(type(options)):
        value = getattr(options, declaration.name)
        if declaration.at_least is not None and value is not None and value < declaration.at_least:
            raise SuiteError(f"{declaration.name} should be at least {declaration.at_least}, got {value}")
