"""Command lines of rlbench that stand in documents, held against the commands there are, without running them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

import click

from rlbench.cli.main import cli
from support.document_blocks import ROOT, blocks

END = re.compile(r"\s(?:#|\|\||\||&&|>|<)(?:\s|$)|;|…")


def typed(document: str) -> Iterator[str]:
    """Those in sh blocks and those that stand as `code` in a line and go on after the command's name."""
    text = (ROOT / document).read_text()
    for block in blocks(document):
        if block.language == "sh":
            text = text.replace(block.body, "")
            for line in block.body.splitlines():
                if re.match(r"(\S*/)?rlbench ", line):
                    yield line.strip()
    yield from (
        found for found in re.findall(r"`(rlbench [a-z][^`]*)`", text) if "{{" not in found and "[OPTIONS]" not in found
    )


def unknown(line: str) -> str:
    """The command or option in a command line that rlbench does not have; "" where all are there."""
    words = shlex.split(END.split(line)[0], posix=True)[1:]
    command: click.Command = cli
    context = click.Context(cli)
    options = options_of(cli, context)
    for word in words:
        if word.startswith("-") and len(word) > 1 and not word[1].isdigit():
            if word.split("=")[0] not in options:
                return word
        elif isinstance(command, click.Group):
            found = command.get_command(context, word)
            if found is None:
                return word
            command, context = found, click.Context(found)
            options |= options_of(found, context)
    return ""


def options_of(command: click.Command, context: click.Context) -> set[str]:
    return {name for parameter in command.get_params(context) for name in parameter.opts}
