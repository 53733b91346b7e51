"""What `rlbench verify --traces` prints, as text or JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlbench.cli.run_argument import find_run, is_result_folder
from rlbench.cli.text_table import plain, write_error, write_out
from rlbench.text import plural

if TYPE_CHECKING:
    from rlbench.api import Run
    from rlbench.results import RunState, Store
    from rlbench.verification.trace_verification import EpisodeDifference, TraceCheck

SCHEMA_VERSION = 1
_MOST_SHOWN = 5  # differences printed for one trace


def result_folder_of(traces: Path) -> Path | None:
    """Return the result folder whose export/traces is `traces`; None if `traces` is not in a result folder."""
    folder = traces.absolute().parent.parent
    return folder if is_result_folder(folder) else None


def recorded_runs(target: Path | None) -> dict[str, tuple[Store, Run, RunState]]:
    """Return runs by key: all finished runs if `target` is a result folder, or the single run whose folder it is.

    None: no runs.
    """
    from rlbench.results import Store

    if target is None:
        return {}
    if not is_result_folder(target):
        store, run, state = find_run(target)
        return {run.key: (store, run, state)}
    store = Store(target, caches=False)
    runs = store.runs()
    states = store.states(runs)
    return {run.key: (store, run, states[run.key]) for run in runs if states[run.key].status.has_score}


def print_checks(checks: Iterable[TraceCheck], as_json: bool) -> list[TraceCheck]:
    """Print each check as soon as it is made, or all as one JSON document. Returns: the checks."""
    made = []
    for check in checks:
        made.append(check)
        if not as_json:
            write_out(_as_text(check))
    if as_json:
        entries = [_as_entry(check) for check in made]
        write_out(json.dumps({"schema_version": SCHEMA_VERSION, "traces": entries}, indent=1) + "\n")
    elif any(check.episodes and not check.with_run for check in made):
        write_error(
            "note: traces are compared with their own numbers only; to compare them with runs, give the result folder"
        )
    return made


def _as_text(check: TraceCheck) -> str:
    head = f"{check.name}: {check.verdict}" if check.name else str(check.verdict)
    lines = [head + (f": {check.reason}" if check.reason else "")]
    if check.episodes:
        lines[0] += f" ({plural(check.episodes, 'episode')} played from reset seeds and actions)"
    lines += [f"  {_difference(one)}" for one in check.differences[:_MOST_SHOWN]]
    rest = len(check.differences) - _MOST_SHOWN
    lines += [f"  and {plural(rest, 'more difference')}"] if rest > 0 else []
    return "".join(f"{plain(line)}\n" for line in lines)


def _difference(one: EpisodeDifference) -> str:
    values = ", ".join(f"{whose} {value}" for whose, value in one.values.items())
    parts: Sequence[str] = [f"{one.field}: {values}" if values else "", one.problem]
    return f"episode {one.episode}, {'; '.join(filter(None, parts))}"


def _as_entry(check: TraceCheck) -> dict[str, Any]:
    return {
        "run": check.name,
        "verdict": str(check.verdict),
        "reason": check.reason,
        "episodes": check.episodes,
        "compared_with_run": check.with_run,
        "differences": [one._asdict() for one in check.differences],
    }
