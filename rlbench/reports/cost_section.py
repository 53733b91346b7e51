"""Section on the cost of the results: speed, processor time, memory and energy of each algorithm on each task, and in
all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from rlbench.analysis import Results
from rlbench.api import RunStatus
from rlbench.api.sections import Paragraph, Section, Table
from rlbench.reports.curves_over_time import was_overloaded
from rlbench.text import number, ranges

_HOW = (
    "Medians over the runs that are done. CPU hours: sum over all runs, including diverged ones. Seeds of one stack"
    " train together in one process. steps/s: environment steps of the whole stack per second from its first step to"
    " the end, evaluations included. wall s: training clock of the stack, evaluations excluded. CPU s per run:"
    " processor time of the process, shared evenly by its stack. peak MiB: peak memory of the process. Speeds are"
    " only comparable between runs on the same machine under the same load."
)
_ENERGY = (
    " Wh per run: energy of the processor packages while the stack ran, shared evenly by its seeds; it includes other"
    " processes of the machine."
)


def section(results: Results) -> Section:
    table = costs(results)
    if not table.groups:
        return Section([Paragraph("No run is done yet.")])
    return Section([Paragraph(_total(results)), table])


def costs(results: Results) -> Table:
    """Return the table of medians over finished runs.

    Diverged runs are left out of the medians: a diverged run stood still while its group's clock ran on.
    """
    metered = any("package_energy_joules" in r and r["package_energy_joules"] is not None for r in _published(results))
    groups: dict[str, list[tuple[str, ...]]] = {}
    for cell in results.cells:
        rows = results.rows_of(cell)
        done = results.results_of(rows[rows["status"] == RunStatus.DONE])
        if not done:
            continue
        stacks = [r["stack_size"] for r in done if "stack_size" in r]
        speed, memory = _median(map(_speed, done)), _median(r.get("group_peak_memory_bytes") for r in done)
        row = (
            cell.algorithm,
            "–" if speed is None else f"{speed:,.0f}",
            number(_median(r.get("wall_seconds") for r in done), 1),
            number(_median(r.get("cpu_seconds") for r in done), 1),
            number(_hours(results.results_of(rows)), 3),
            "–" if memory is None else f"{memory / 2**20:,.0f}",
            *((number(_median(map(_watt_hours, done))),) if metered else ()),
            ranges(stacks) or "–",
            str(len(done)),
        )
        groups.setdefault(cell.environment, []).append(row)
    energy = ("Wh per run",) if metered else ()
    header = ("algorithm", "steps/s", "wall s", "CPU s per run", "CPU hours", "peak MiB", *energy, "stack", "runs")
    note = _HOW + (_ENERGY if metered else " No processor reported its energy use.")
    return Table("cost", "Cost", header, list(groups.items()), tuple(range(1, len(header))), True, note)


def cost_rows(results: Results) -> dict[tuple[str, str], tuple[float | None, float | None, float | None]]:
    """Return medians by environment and algorithm: steps/s of the stack, CPU seconds of a run, and peak MiB.

    Values are None if unknown.
    """
    medians = {}
    for cell in results.cells:
        rows = results.rows_of(cell)
        done = results.results_of(rows[rows["status"] == RunStatus.DONE])
        memory = _median(r.get("group_peak_memory_bytes") for r in done)
        medians[cell.environment, cell.algorithm] = (
            _median(map(_speed, done)),
            _median(r.get("cpu_seconds") for r in done),
            None if memory is None else memory / 2**20,
        )
    return medians


def _published(results: Results) -> list[Mapping[str, Any]]:
    return [state.result for state in results.published.values()]


def _total(results: Results) -> str:
    published = _published(results)
    loaded = sum(map(was_overloaded, published))
    text = f"{number(_hours(published))} CPU hours in all, for {len(published)} runs."
    if loaded:
        text += (
            f" {loaded} of them ran while the machine had more work than cores, so their speeds are lower than they"
            " could be."
        )
    return text


def _hours(published: Iterable[Mapping[str, Any]]) -> float:
    return sum(result.get("cpu_seconds") or 0.0 for result in published) / 3600


def _watt_hours(result: Mapping[str, Any]) -> float | None:
    joules = result.get("package_energy_joules")
    return None if joules is None else joules / 3600 / result.get("stack_size", 1)


def _speed(result: Mapping[str, Any]) -> float | None:
    """Return the environment steps of the whole group per second."""
    seconds = result.get("group_wall_seconds")
    return result["steps"] * result.get("stack_size", 1) / seconds if seconds else None


def _median(values: Iterable[float | None]) -> float | None:
    present = [value for value in values if value is not None]
    return float(np.median(present)) if present else None
