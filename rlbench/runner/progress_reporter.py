"""The interface between a running suite and what shows its progress."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from rlbench.api import Event, Job
from rlbench.results import Store

if TYPE_CHECKING:
    from rlbench.suites import Plan


class ProgressReporter(Protocol):
    """A display of progress in a terminal, a log or a notebook."""

    def say(self, text: str) -> None: ...

    def warn(self, text: str) -> None: ...

    def begin(self, planned: Plan, todo: Sequence[Job], store: Store, workers: int) -> None: ...

    def event(self, job: Job, event: Event) -> None: ...

    def end(self) -> None: ...
