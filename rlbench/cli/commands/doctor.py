"""`rlbench doctor`: find what is wrong with this machine or a result folder, and mend the folder."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rlbench.cli.common_options import find_folder, open_plugins, results_root
from rlbench.cli.marked_lines import print_marked
from rlbench.cli.text_table import plain, write_out
from rlbench.cli.user_paths import short_path

if TYPE_CHECKING:
    from rlbench.maintenance.findings import Finding
    from rlbench.results import Store

SCHEMA_VERSION = 1
SOMETHING_TO_DO = 1
MOST_OF_A_KIND = 10
_STYLES = {"ok": "green", "fixed": "green", "note": "yellow", "to do": "bold red"}


def _find_if_given(context: click.Context, parameter: click.Parameter, value: str | None) -> Path | None:
    return None if value is None else find_folder(value)


@click.command()
@click.argument("directory", required=False, callback=_find_if_given, metavar="[DIRECTORY]")
@click.option("--fix", is_flag=True, help="Mend what can be mended in DIRECTORY. Nothing is deleted.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of text.")
def doctor(directory: Path | None, fix: bool, as_json: bool) -> int:
    """Find problems with this machine and, if given, with DIRECTORY, and say what to do.

    Each finding is a line marked "ok", "note" (nothing has to be done) or "to do". On the machine, the command checks
    torch, threads, limits, memory, disk space, plugins, accelerators, and whether matrix products depend on how many
    seeds train together. In DIRECTORY, it tests the file system (in a scratch folder), checks the hash of every file of
    every run, checks attempts and checkpoints, and looks for leftovers of killed processes and for unexpected links,
    pipes and files.

    DIRECTORY is a result folder, or the name of one under results/. With --fix, the tables of a run are rebuilt from
    its raw records, and damaged runs, unreadable attempts, leftovers and a cache that does not match the runs are moved
    to superseded/. A folder that another command is using is not changed. Exit code 1 if something has to be done.
    """
    from rlbench.maintenance.folder_checkup import refuse_other_folders
    from rlbench.maintenance.machine_checkup import examine_machine
    from rlbench.results import Store

    parts: dict[str, list[Finding]] = {}
    usage: dict[str, Any] = {}
    machine = partial(examine_machine, results_root(), open_plugins(()))
    if directory is None:
        if fix:
            raise click.UsageError("--fix needs a DIRECTORY; a machine has to be mended by hand")
        parts["machine"] = _shown("this machine", machine(), as_json)
    else:
        is_empty = not fix and not any(directory.iterdir())  # a user checks a new place for results
        if not is_empty:
            refuse_other_folders(directory)
        store = Store(directory, caches=False)
        if fix:
            store.lock()  # before anything else: a folder in which a command is running is refused at once
        try:
            parts["machine"] = _shown("this machine", machine(), as_json)
            parts |= _examine_folder(store, fix, is_empty, as_json, usage)
        finally:
            store.unlock()
    left = [f for part, findings in parts.items() if part != "fixed" for f in findings if f.level == "to do"]
    if as_json:
        document = {"schema_version": SCHEMA_VERSION, "directory": None if directory is None else str(directory)}
        found = {part: [_entry(finding) for finding in findings] for part, findings in parts.items()}
        write_out(json.dumps({**document, "to_do": len(left), **found, "disk_use": usage}, indent=1) + "\n")
    else:
        write_out(_summary(left, directory, fix))
    return SOMETHING_TO_DO if left else 0


def _examine_folder(
    store: Store, fix: bool, is_empty: bool, as_json: bool, usage: dict[str, Any]
) -> dict[str, list[Finding]]:
    """Examine a folder; with `fix`, mend it first. usage: is filled with the number of files and bytes of each kind."""
    from rlbench.maintenance.file_system_trials import try_file_system
    from rlbench.maintenance.folder_checkup import FolderCheckup, mend

    name, parts = short_path(store.root), {}
    parts["file_system"] = _shown(f"the file system of {name}", try_file_system(store.root), as_json)
    if is_empty:
        return parts
    if fix:
        parts["fixed"] = _shown(f"mending {name}", mend(store), as_json, "fixed")

    def findings() -> Iterator[Finding]:
        checkup = FolderCheckup(store)
        usage.update({kind: {"files": use.files, "bytes": use.bytes} for kind, use in checkup.usage.items()})
        yield from checkup.findings

    parts["folder"] = _shown(name, findings(), as_json)
    return parts


def _shown(title: str, findings: Iterable[Finding], as_json: bool, ok: str = "ok") -> list[Finding]:
    """Print the findings as they come, at most MOST_OF_A_KIND of each kind.

    ok: the mark to print for a finding of level "ok". Returns: all findings.
    """
    if as_json:
        return list(findings)
    print_marked([("", title)], {})
    counts: Counter[tuple[str, str]] = Counter()
    everything: list[Finding] = []
    for finding in findings:
        everything.append(finding)
        mark = ok if finding.level == "ok" else str(finding.level)
        counts[mark, finding.kind] += 1
        if counts[mark, finding.kind] <= MOST_OF_A_KIND:
            print_marked([(mark, str(finding))], _STYLES)
    for (mark, kind), count in counts.items():
        if count > MOST_OF_A_KIND:
            print_marked([(mark, f"and {count - MOST_OF_A_KIND} more {kind}; --json lists all")], _STYLES)
    if not everything:
        print_marked([("ok", "nothing to mend")], _STYLES)
    return everything


def _summary(left: Sequence[Finding], directory: Path | None, fix: bool) -> str:
    if not left:
        return "\nnothing has to be done\n"
    mendable = sum(finding.mend is not None for finding in left)
    advice = ""
    if mendable and directory is not None and not fix:
        advice = f"; `rlbench doctor {short_path(directory)} --fix` does {mendable} of them"
    return f"\n{len(left)} to do{plain(advice)}\n"


def _entry(finding: Finding) -> dict[str, Any]:
    return {
        "level": str(finding.level),
        "kind": finding.kind,
        "where": finding.where,
        "what": finding.what,
        "advice": finding.advice,
        "fix": finding.mend is not None,
    }
