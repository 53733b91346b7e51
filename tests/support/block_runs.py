"""A document's code blocks, run in order in one folder, as a reader would who types them in.

sh: run by bash, which ends at the first failure. python: a first line `# name.py` names the file it is written to
(`# name.py, continued`: added to); without one it is run, by pytest where it has tests. yaml: a suite, written to
<name>.yaml; what has no name is a part of one; both are planned. json: parsed. text: what the block before prints, but for numbers.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

from rlbench.plugins import load_plugins
from rlbench.suites import plan, read_suite
from support.block_allowances import ALLOWANCES
from support.document_blocks import ROOT, Allowance, Block, blocks

WHOLE = "name: part\nalgorithms: [random]\nenvironments: [{id: CartPole-v1, steps: 1000}]\nseeds: 1\n"
FILE = re.compile(r"# (\S+\.py)(, continued)?\n")


def allowance(block: Block) -> Allowance:
    """What stands in the list for a block; nothing is allowed for most."""
    found = [one for one in ALLOWANCES if one.document == block.document and block.body.startswith(one.begins)]
    return found[0] if found else Allowance(block.document, "", "")


def run(document: str, folder: Path) -> str:
    """Run every block in `folder`. Returns: all that was printed. Raises: AssertionError with the block's place."""
    said, last = "", ""
    for block in blocks(document):
        allowed = allowance(block)
        if allowed.before:
            shell(allowed.before, folder, block, (0,))
        if not allowed.skip:
            body = block.body
            for old, new in allowed.replace.items():
                body = body.replace(old, new)
            last = RUNNERS[block.language](body, folder, block, allowed, last) or last
            said += last
    return said


def sh(body: str, folder: Path, block: Block, allowed: Allowance, _: str) -> str:
    return shell(body, folder, block, allowed.ends)


def python(body: str, folder: Path, block: Block, allowed: Allowance, _: str) -> str:
    named = FILE.match(body)
    path = folder / (named[1] if named else "test_block.py" if "def test_" in body else "block.py")
    path.parent.mkdir(parents=True, exist_ok=True)
    before = path.read_text() if named and named[2] else ""
    path.write_text(before + body)
    if named:
        compile(path.read_text(), str(block), "exec")
        return ""
    program = "pytest -q -p no:cacheprovider" if path.name.startswith("test_") else "python"
    return shell(f"{program} {path.name}", folder, block, allowed.ends)


def yaml(body: str, folder: Path, block: Block, _: Allowance, __: str) -> str:
    """Raises: SuiteError if it cannot be read, or not be planned with the plugins of the folder's files."""
    path = folder / f"{name_of(body) or 'part'}.yaml"
    path.write_text(body if name_of(body) else completed(body))
    plugins = load_plugins([str(file) for file in folder.glob("*.py") if "hookimpl" in file.read_text()])
    with patch.object(sys, "path", [*sys.path, str(folder)]):  # as the command line allows the current folder
        plan(read_suite(path), plugins)
    return ""


def name_of(suite: str) -> str:
    found = re.match(r"name: (\S+)", suite)
    return found[1] if found else ""


def completed(part: str) -> str:
    """A part of a suite with what else one needs."""
    given = re.findall(r"^(\w+):", part, re.MULTILINE)
    return part + "".join(line + "\n" for line in WHOLE.splitlines() if line.split(":")[0] not in given)


def text(body: str, _: Path, block: Block, allowed: Allowance, printed: str) -> str:
    """A sample of what was printed: every line of it is there, but for numbers, intervals and spaces."""
    if printed and not allowed.loose:
        there = {form(line) for line in printed.splitlines()}
        absent = [line for line in body.splitlines() if line.strip() and form(line) not in there]
        assert not absent, f"{block}: not printed, numbers aside: {absent}\n{printed}"
    return ""


def form(line: str) -> str:
    line = re.sub(r"\[[^\]]*\d[^\]]*\]|–", "#", line)
    return " ".join(re.sub(r"[-+−]?\d[\d,.]*", "0", line).split())


def parsed(body: str, *_: object) -> str:
    """One document, or where each line is one, so many."""
    lines = body.splitlines()
    for document in (
        lines if len(lines) > 1 and all(line.startswith("{") and line.endswith("}") for line in lines) else [body]
    ):
        json.loads(document)
    return ""


RUNNERS: dict[str, Callable[..., str]] = {"sh": sh, "python": python, "yaml": yaml, "text": text, "json": parsed}


def shell(script: str, folder: Path, block: Block, ends: tuple[int, ...]) -> str:
    """What a script prints, to stdout and stderr. Raises: AssertionError where it ends otherwise than in `ends`."""
    ran = bash(script, folder)
    assert ran.returncode in ends, f"{block}: ended with {ran.returncode}\n{script}\n{ran.stdout}\n{ran.stderr}"
    return ran.stdout + ran.stderr


def bash(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a script, with this environment's programs first, and projects in the folder as good as installed.

    `make` belongs to the repository, and is run there.
    """
    projects = [str(folder / each.parent.name) for each in folder.glob("*/pyproject.toml")]
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "ROOT": str(ROOT),
        "PYTHONPATH": os.pathsep.join(filter(None, [*projects, os.environ.get("PYTHONPATH", "")])),
    }
    place = ROOT if script.startswith("make ") else folder
    return subprocess.run(["bash", "-e", "-c", script], cwd=place, env=environment, capture_output=True, text=True)
