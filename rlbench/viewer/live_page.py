"""The page of `rlbench view`: its frame, and the parts that change, each as HTML with all text escaped."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from rlbench.api import RunStatus
from rlbench.api.series_styles import DARK, GREY, LIGHT
from rlbench.reports.style import clean
from rlbench.text import clock, number, plural, ranges
from rlbench.viewer.curve_chart import chart
from rlbench.viewer.live_state import LiveState

_HERE = Path(__file__).parent
_REPORTS = _HERE.parent / "reports"  # the page uses the report's style sheet
PROGRESS, CURVES = "progress", "curves-"  # slots of the page; the slot of a task's curves ends with the task's number
_MOST_FAILURES = 10


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader([_HERE, _REPORTS]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_plain,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(clock=clock, number=number, plural=plural, ranges=ranges)
    return environment


def _plain(value: Any) -> Any:
    """Clean a value that `{{ … }}` inserts into a template, before it is escaped."""
    return value if isinstance(value, Markup | jinja2.Undefined) else clean(str(value))


def frame(name: str, slots: Mapping[str, str], note: str, server: str) -> str:
    """Return the whole page with the present contents of its slots.

    note: shown until the report is there. server: identity of the server; if it changes, an open page reloads itself.
    """
    return (
        _environment()
        .get_template("live_page.html.j2")
        .render(
            name=name,
            script=Markup(_script()),
            progress=Markup(slots.get(PROGRESS, "")),
            curves={slot: Markup(html) for slot, html in slots.items() if slot.startswith(CURVES)},
            note=note,
            server=server,
            colours=list(enumerate(zip((*LIGHT, GREY[0]), (*DARK, GREY[1])))),
            series=[],
        )
    )


@cache
def _script() -> str:
    return (_HERE / "live_page.js").read_text(encoding="utf-8")


def script_hash() -> str:
    """Return the hash of the page's script, for a Content-Security-Policy under which no other script may run."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(_script().encode()).digest()).decode()}'"


def slots(state: LiveState, folder: Path) -> dict[str, str]:
    """Return the contents of the parts that change, by slot."""
    contents = {PROGRESS: progress(state, folder)}
    tasks = list(state.budgets)
    template = _environment().get_template("live_curves.html.j2")
    for task, curves in state.curves.items():
        contents[f"{CURVES}{tasks.index(task)}"] = template.render(
            task=task,
            chart=chart(clean(task), curves, state.budgets[task], state.styles),
            curves=curves,
            styles=state.styles,
        )
    return contents


def progress(state: LiveState, folder: Path) -> str:
    """Return the bar, the counts and the groups that are being trained."""
    total = sum(state.counts.values())
    failed = sum(count for status, count in state.counts.items() if status.is_failure or status == RunStatus.CORRUPT)
    percent = int(100 * state.share) if state.is_unfinished else 100
    failed_percent = 100 * failed / total if total else 0.0
    return (
        _environment()
        .get_template("progress.html.j2")
        .render(
            percent=percent,
            failed_percent=failed_percent,
            done_percent=max(0.0, percent - failed_percent),
            state=state,
            total=total,
            finished=sum(count for status, count in state.counts.items() if status.has_score),
            others=[(state.counts[status], _word(status)) for status in RunStatus if _is_counted(status, state.counts)],
            unfinished=sum(count for status, count in state.counts.items() if not status.is_final),
            interrupted=not state.in_use and state.is_unfinished,
            command=f"rlbench run {state.name}.yaml -o {folder}",
            failures=state.failures[:_MOST_FAILURES],
            more=len(state.failures) - _MOST_FAILURES,
        )
    )


def _is_counted(status: RunStatus, counts: Mapping[RunStatus, int]) -> bool:
    return bool(counts.get(status)) and not status.has_score


def _word(status: RunStatus) -> str:
    return "waiting" if status == RunStatus.PENDING else str(status)


def trouble(sentence: str) -> str:
    """Return the part of the page that stands in for the progress and says why there is none."""
    return _environment().from_string('<p class="banner">{{ sentence }}</p>').render(sentence=sentence)
