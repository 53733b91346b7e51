"""Measure the commands that read a folder of 100,000 runs: ten algorithms on a thousand tasks, ten seeds each.

    taskset -c 1 .venv/bin/python benchmarks/scale.py /tmp/scale [--runs 100000] [--tasks 1000] [--rounds 3]

Makes the folder in the store's own formats if it does not exist. Each command runs in its own process, first without
and then with the folder's index. Seconds are of the whole process, imports included; memory is the peak resident set.
The first read is of files that the system has in memory, unless they were dropped from it before.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.loading import make

COMMANDS = {
    "status": ("status", "{folder}"),
    "table": ("table", "{folder}"),
    "compare two": ("compare", "a1", "a2", "-d", "{folder}"),
}
INDEX = ("index.parquet", "index.sha256")


def measure(root: Path, command: tuple[str, ...], output: Path) -> dict[str, Any]:
    """Return what a command took, and the hash of what it printed."""
    arguments = [part.format(folder=root) for part in command]
    began = time.monotonic()
    with open(output, "wb") as file:
        child = subprocess.Popen([sys.executable, "-m", "rlbench.cli.main", *arguments], stdout=file)
        _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)  # so that nobody else waits for it
    unit = 1 if sys.platform == "darwin" else 1024  # ru_maxrss: bytes there, KiB here
    return {
        "wall_seconds": time.monotonic() - began,
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
        "peak_gb": usage.ru_maxrss * unit / 1e9,
        "exit_code": child.returncode,
        "printed": hashlib.sha256(output.read_bytes()).hexdigest()[:12],
    }


def files_below(root: Path) -> dict[str, int]:
    """Return the number of files in each folder at the top."""
    return {
        entry.name: sum(len(names) for _, _, names in os.walk(entry.path)) if entry.is_dir() else 1
        for entry in os.scandir(root)
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--runs", type=int, default=100_000)
    parser.add_argument("--tasks", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--part", choices=[*COMMANDS], action="append", help="only this one; may be repeated")
    parser.add_argument("--read", choices=["first", "second"], help="only this one")
    parser.add_argument("--keep", type=Path, help="a folder for what is printed")
    given = parser.parse_args()
    if not (given.folder / "suite.json").exists():
        make(given.folder, given.runs, 5, given.tasks)
    kept = given.keep or given.folder.with_name(given.folder.name + "-printed")
    kept.mkdir(parents=True, exist_ok=True)
    for _ in range(given.rounds):
        for part in given.part or COMMANDS:
            for read in [given.read] if given.read else ["first", "second"]:
                if read == "first":
                    for name in INDEX:
                        (given.folder / name).unlink(missing_ok=True)
                row = measure(given.folder, COMMANDS[part], kept / f"{part.replace(' ', '-')}.txt")
                print(json.dumps({"part": part, "read": read, **row}), flush=True)
    print(json.dumps(files_below(given.folder)))


if __name__ == "__main__":
    main()
