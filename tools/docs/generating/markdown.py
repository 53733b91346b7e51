"""Markdown tables and escaped text."""

from __future__ import annotations

import re
from collections.abc import Sequence


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, *rows]
    markdown = ["| " + " | ".join(" ".join(text.split()) for text in line) + " |" for line in lines]
    return "\n".join([markdown[0], "|" + "---|" * len(header), *markdown[1:]]) + "\n"


def literal(text: str) -> str:
    """Escape all Markdown except `code`."""
    parts = re.split("(`[^`]*`)", text)
    return "".join(part if part.startswith("`") else re.sub(r"([*<|])", r"\\\1", part) for part in parts)


def code(text: str) -> str:
    """Return text as code in a table cell, where bars are escaped."""
    return "`" + text.replace("|", "\\|") + "`"
