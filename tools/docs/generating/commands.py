"""Commands, arguments and options, from click."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

import click

from generating.markdown import code, literal, table
from rlbench.cli.command_group import SECTIONS
from rlbench.cli.main import EXIT_CODES, cli


def commands() -> str:
    """Return all commands by section, after rlbench's own options."""
    with click.Context(cli, info_name="rlbench") as root:
        parts = ["### rlbench\n", *described(cli, root)]
        for title, entries in SECTIONS.items():
            parts.append(f"## {title}\n")
            for entry in entries:
                parts += page(entry.load(), root)
    return "\n".join(parts)


def page(command: click.Command, parent: click.Context) -> Iterator[str]:
    """Yield a command, followed by its subcommands."""
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
    options = [option for option in command.params if isinstance(option, click.Option)]
    if options:
        yield table(("option", "default", "meaning"), [row(option, context) for option in options])


def paragraphs(text: str) -> str:
    """Return a docstring as Markdown; paragraphs that click must not wrap (\\b) become code blocks."""
    paragraphs_ = []
    for part in re.split(r"\n\s*\n", inspect.cleandoc(text)):
        lines = part.removeprefix("\b\n").splitlines()
        paragraphs_.append("\n".join(f"    {line}" for line in lines) if part.startswith("\b") else literal(part))
    return "\n\n".join(paragraphs_) + "\n"


def row(option: click.Option, context: click.Context) -> tuple[str, str, str]:
    """Return an option's row. Raises: ValueError for an option without help."""
    if not option.help:
        raise ValueError(f"{context.command_path} {option.opts[0]} has no help")
    metavar = "" if option.is_flag else " " + option.make_metavar(context).removesuffix(" RANGE")
    default = option.default if isinstance(option.default, (int, float, str)) and not option.is_flag else ""
    meaning = literal(option.help.strip().removesuffix("."))
    if option.multiple and "repeat" not in option.help:
        meaning += "; may be repeated"
    if option.envvar:
        meaning += f" (or `{option.envvar}=1`)"
    shown = "required" if option.required else code(str(default)) if default != "" else ""
    return code(", ".join(option.opts) + metavar), shown, meaning + bounds(option.type)


def bounds(kind: click.ParamType) -> str:
    """Describe the range of a number."""
    if not isinstance(kind, (click.IntRange, click.FloatRange)):
        return ""
    low, high = kind.min, kind.max
    if high is None:
        return f"; {'above' if kind.min_open else 'at least'} {low}"
    ends = "" if not (kind.min_open or kind.max_open) else ", exclusive" if kind.min_open and kind.max_open else ""
    return f"; {low} to {high}{ends}"


def exit_codes() -> str:
    text = " ".join(EXIT_CODES.replace("\b", "").split()).removeprefix("Exit codes: ").removesuffix(".")
    rows = [part.strip().split(" ", 1) for part in text.split("·")]
    return table(("code", "meaning"), rows)
