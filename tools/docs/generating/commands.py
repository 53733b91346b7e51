"""The commands, their arguments and options, from click."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

import click

from generating.markdown import code, literal, table
from rlbench.cli.main import EXIT_CODES, SECTIONS, cli


def commands() -> str:
    """Every command under what it is for, rlbench's own options first."""
    with click.Context(cli, info_name="rlbench") as root:
        parts = ["### rlbench\n", *described(cli, root)]
        for title, entries in SECTIONS.items():
            parts.append(f"## {title}\n")
            for command, _ in entries:
                parts += page(command, root)
    return "\n".join(parts)


def page(command: click.Command, parent: click.Context) -> Iterator[str]:
    """A command, then those of its own."""
    with click.Context(command, info_name=command.name, parent=parent) as context:
        yield f"### {context.command_path}\n"
        yield from described(command, context)
        if isinstance(command, click.Group):
            for name in command.list_commands(context):
                yield from page(command.commands[name], context)


def described(command: click.Command, context: click.Context) -> Iterator[str]:
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    yield f"`{usage}`\n"
    yield paragraphs(command.help or "")
    options = [each for each in command.params if isinstance(each, click.Option)]
    if options:
        yield table(("option", "default", "meaning"), [row(option, context) for option in options])


def paragraphs(text: str) -> str:
    """A docstring as Markdown; what click is told not to wrap (\\b) is shown as it stands."""
    found = []
    for part in re.split(r"\n\s*\n", inspect.cleandoc(text)):
        lines = part.removeprefix("\b\n").splitlines()
        found.append("\n".join(f"    {line}" for line in lines) if part.startswith("\b") else literal(part))
    return "\n\n".join(found) + "\n"


def row(option: click.Option, context: click.Context) -> tuple[str, str, str]:
    """Raises: ValueError for an option that does not say what it is for."""
    if not option.help:
        raise ValueError(f"{context.command_path} {option.opts[0]} has no help")
    taken = "" if option.is_flag else " " + option.make_metavar(context).removesuffix(" RANGE")
    default = option.default if isinstance(option.default, (int, float, str)) and not option.is_flag else ""
    meaning = literal(option.help.strip().removesuffix("."))
    if option.multiple and "repeated" not in option.help:
        meaning += "; may be repeated"
    if option.envvar:
        meaning += f" (or `{option.envvar}=1`)"
    shown = "required" if option.required else code(str(default)) if default != "" else ""
    return code(", ".join(option.opts) + taken), shown, meaning + bounds(option.type)


def bounds(kind: click.ParamType) -> str:
    """The range of a number, in words."""
    if not isinstance(kind, (click.IntRange, click.FloatRange)):
        return ""
    low, high = kind.min, kind.max
    if high is None:
        return f"; {'above' if kind.min_open else 'at least'} {low}"
    ends = "" if not (kind.min_open or kind.max_open) else ", exclusive" if kind.min_open and kind.max_open else ""
    return f"; {low} to {high}{ends}"


def exit_codes() -> str:
    said = " ".join(EXIT_CODES.replace("\b", "").split()).removeprefix("Exit codes: ").removesuffix(".")
    rows = [part.strip().split(" ", 1) for part in said.split("·")]
    return table(("code", "meaning"), rows)
