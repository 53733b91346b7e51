"""What the results cost: speed, processor time, memory and energy, of each algorithm on each task and in all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from rlbench.api import RunStatus
from rlbench.api.sections import Paragraph, Section, Table
from rlbench.reports.curves_over_time import loaded_machine
from rlbench.reports.report_data import Readings, rows_of
from rlbench.reports.style import number, ranges

_HOW = (
    "Medians over the runs that are done; CPU hours are the sum over all of them, diverged ones too. Seeds of one stack train"
    " together in one process. steps/s: environment steps of the whole stack per second from its first step to the end,"
    " evaluations included. wall s: training clock of the stack, evaluations excluded. CPU s per run: processor time of the"
    " process, shared evenly by its stack. peak MiB: most memory the process held. Speeds compare only between runs made on"
    " the same machine under the same load."
)
_ENERGY = (
    " Wh per run: what the processor packages drew while the stack ran, shared evenly by it; other processes of the machine"
    " are in it."
)


def section(readings: Readings) -> Section:
    table = costs(readings)
    if not table.groups:
        return Section([Paragraph("No run is done yet.")])
    return Section([Paragraph(_in_all(readings)), table])


def costs(readings: Readings) -> Table:
    """Medians over the runs that are done; one that diverged stood still while its group's clock ran on."""
    metered = any("package_energy_joules" in r and r["package_energy_joules"] is not None for r in _results(readings))
    groups: dict[str, list[tuple[str, ...]]] = {}
    for cell in readings.cells:
        rows = rows_of(readings, cell)
        results = readings.of(rows[rows["status"] == RunStatus.DONE])
        if not results:
            continue
        stacks = [r["stack_size"] for r in results if "stack_size" in r]
        speed, memory = _median(map(_speed, results)), _median(r.get("group_peak_memory_bytes") for r in results)
        row = (
            cell.algorithm,
            "–" if speed is None else f"{speed:,.0f}",
            number(_median(r.get("wall_seconds") for r in results), 1),
            number(_median(r.get("cpu_seconds") for r in results), 1),
            number(_hours(readings.of(rows)), 3),
            "–" if memory is None else f"{memory / 2**20:,.0f}",
            *((number(_median(map(_watt_hours, results))),) if metered else ()),
            ranges(stacks) or "–",
            str(len(results)),
        )
        groups.setdefault(cell.environment, []).append(row)
    energy = ("Wh per run",) if metered else ()
    header = ("algorithm", "steps/s", "wall s", "CPU s per run", "CPU hours", "peak MiB", *energy, "stack", "runs")
    note = _HOW + (_ENERGY if metered else " No processor told how much energy it drew.")
    return Table("cost", "Cost", header, list(groups.items()), tuple(range(1, len(header))), True, note)


def cost_rows(readings: Readings) -> dict[tuple[str, str], tuple[float | None, float | None, float | None]]:
    """Medians by environment and algorithm: steps/s of the stack, CPU seconds of a run, peak MiB; None where not known."""
    found = {}
    for cell in readings.cells:
        rows = rows_of(readings, cell)
        results = readings.of(rows[rows["status"] == RunStatus.DONE])
        memory = _median(r.get("group_peak_memory_bytes") for r in results)
        found[cell.environment, cell.algorithm] = (
            _median(map(_speed, results)),
            _median(r.get("cpu_seconds") for r in results),
            None if memory is None else memory / 2**20,
        )
    return found


def _results(readings: Readings) -> list[Mapping[str, Any]]:
    return [state.result for state in readings.states.values()]


def _in_all(readings: Readings) -> str:
    results = _results(readings)
    loaded = sum(map(loaded_machine, results))
    said = f"In all {number(_hours(results))} CPU hours in {len(results)} runs."
    if loaded:
        said += (
            f" {loaded} of them were made while the machine had more work than cores, so their speeds are lower than they"
            " could be."
        )
    return said


def _hours(results: Iterable[Mapping[str, Any]]) -> float:
    return sum(result.get("cpu_seconds") or 0.0 for result in results) / 3600


def _watt_hours(result: Mapping[str, Any]) -> float | None:
    joules = result.get("package_energy_joules")
    return None if joules is None else joules / 3600 / result.get("stack_size", 1)


def _speed(result: Mapping[str, Any]) -> float | None:
    """Environment steps of the whole group per second."""
    seconds = result.get("group_wall_seconds")
    return result["steps"] * result.get("stack_size", 1) / seconds if seconds else None


def _median(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.median(known)) if known else None
