"""The fenced code blocks of the project's documents, and what is allowed for those that cannot be run as they stand."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
FENCE = re.compile(r"^( *)```+(\S*)\n(.*?)^\1```+$", re.MULTILINE | re.DOTALL)
RUN = ["README.md", "CONTRIBUTING.md", *sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("docs/**/*.md"))]
OTHERS = sorted(
    str(path.relative_to(ROOT))
    for pattern in ("*.md", "plugins/*/*.md", "results/*.md", "rlbench/templates/**/*.md.j2")
    for path in ROOT.glob(pattern)
    if str(path.relative_to(ROOT)) not in RUN
)


@dataclass(frozen=True)
class Block:
    """line: where its fence stands in the document."""

    document: str
    line: int
    language: str
    body: str

    def __str__(self) -> str:
        return f"{self.document}:{self.line}"


@dataclass(frozen=True)
class Allowance:
    """What is done with one block instead of running it as it stands, and why.

    begins: how the block begins, which names it. skip: it is not run. replace: text and what is run in its place. ends:
    exit codes that are no failure. loose: a sample whose lines are not looked for in what is printed. before: shell
    commands that make what the reader is taken to have; they run in the document's folder, before this block.
    """

    document: str
    begins: str
    why: str
    skip: bool = False
    replace: dict[str, str] = field(default_factory=dict)
    ends: tuple[int, ...] = (0,)
    loose: bool = False
    before: str = ""

    def __str__(self) -> str:
        return f"{self.document}: {self.begins.splitlines()[0][:40]}"


def blocks(document: str) -> list[Block]:
    text = (ROOT / document).read_text()
    return [
        Block(document, text.count("\n", 0, found.start()) + 1, found[2], found[3]) for found in FENCE.finditer(text)
    ]


def fences(document: str) -> int:
    """Lines that begin or end a block; odd where one is left open."""
    return len(re.findall(r"^ *```", (ROOT / document).read_text(), re.MULTILINE))
