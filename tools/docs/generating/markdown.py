"""Tables in Markdown, and text that is to stand as it is."""

from __future__ import annotations

import re
from collections.abc import Sequence


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, *rows]
    written = ["| " + " | ".join(" ".join(text.split()) for text in line) + " |" for line in lines]
    return "\n".join([written[0], "|" + "---|" * len(header), *written[1:]]) + "\n"


def literal(text: str) -> str:
    """Text of which nothing but `code` is Markdown; in a cell a bar in code has to be escaped too."""
    parts = re.split("(`[^`]*`)", text)
    return "".join(part if part.startswith("`") else re.sub(r"([*<|])", r"\\\1", part) for part in parts)


def code(text: str) -> str:
    """Text as code, in a cell."""
    return "`" + text.replace("|", "\\|") + "`"
