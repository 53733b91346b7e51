#!/usr/bin/env python3
"""Generate the parts of docs/ that the code determines, and suites/suite.schema.json; `--check` only lists stale files.

A part is between `<!-- generated: NAME -->` and `<!-- end of NAME -->` in its page. To add one, add a line to PARTS.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from generating import columns, commands, parameters, result_json, suites

ROOT = Path(__file__).resolve().parents[2]
PARTS: dict[str, tuple[str, Callable[[], str | None]]] = {
    "suite keys": ("docs/suites.md", suites.keys),
    "record columns": ("docs/storage.md", columns.records),
    "result keys": ("docs/storage.md", result_json.keys),
    "commands": ("docs/commands.md", commands.commands),
    "exit codes": ("docs/commands.md", commands.exit_codes),
    "names of CleanRL": ("docs/coming-from.md", parameters.cleanrl),
    "keys of the zoo": ("docs/coming-from.md", parameters.zoo),
    "names of version 0.1": ("docs/coming-from.md", parameters.version_01),
    "other defaults": ("docs/coming-from.md", parameters.defaults),
}
FILES: dict[str, Callable[[], str]] = {"suites/suite.schema.json": suites.schema}


def regenerated() -> Iterator[tuple[Path, str]]:
    """Yield each file with its regenerated content. Raises: SystemExit if a page has no place for a part."""
    pages: dict[str, str] = {}
    for name, (page, generate) in PARTS.items():
        text = pages.get(page) or (ROOT / page).read_text()
        begin, end = f"<!-- generated: {name} -->", f"<!-- end of {name} -->"
        if text.count(begin) != 1 or text.count(end) != 1:
            sys.exit(f"{page}: should have one {begin!r} and one {end!r}")
        part = generate()
        if part is None:  # its source is not installed
            continue
        body = f"{begin}\n\n{part.strip()}\n\n{end}"
        pages[page] = re.sub(f"{re.escape(begin)}.*{re.escape(end)}", lambda _, body=body: body, text, flags=re.DOTALL)
    pages |= {name: generate() for name, generate in FILES.items()}
    return ((ROOT / name, text) for name, text in pages.items())


def main(arguments: list[str]) -> int:
    stale = [(path, text) for path, text in regenerated() if not path.exists() or path.read_text() != text]
    if arguments == ["--check"]:
        for path, _ in stale:
            print(f"{path.relative_to(ROOT)} is stale; run `python tools/docs/generate.py`")
        return 1 if stale else 0
    for path, text in stale:
        path.write_text(text)
        print(f"written: {path.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
