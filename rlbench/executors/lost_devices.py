"""Devices that stop working while a suite runs: their groups are trained on the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from rlbench.api import EndEvent, Job, RunStatus
from rlbench.results.file_io import parse_json, write_json
from rlbench.suites.devices import device_problem


class DevicePool:
    """The devices of the groups that are trained. One that a new process cannot use any more is lost.

    say: shows a line to the user.
    """

    def __init__(self, jobs: Sequence[Job], say: Callable[[str], None]) -> None:
        self._working = list(dict.fromkeys(job.group.device for job in jobs))
        self._problems: dict[str, str] = {}  # of lost devices
        self._say = say
        self._moved = 0

    def is_lost(self, job: Job) -> bool:
        return job.group.device in self._problems

    def explain(self, job: Job, end: EndEvent) -> EndEvent:
        """Return the end of a job; if it failed because its device was lost, as an interruption that says so.

        A device is tried only after a failure, which takes as long as importing torch.
        """
        device = job.group.device
        if end.status != RunStatus.FAILED or device == "cpu":
            return end
        if device in self._working and (problem := device_problem(device)):
            self._working.remove(device)
            self._problems[device] = problem
            rest = f"its groups are trained on {', '.join(self._working)}" if self._working else "no other one is left"
            self._say(f"{device} no longer works: {problem}; {rest}")
        if device not in self._problems:
            return end
        return EndEvent(RunStatus.INTERRUPTED, f"{device} no longer works: {self._problems[device]}")

    def move(self, job: Job) -> Job | None:
        """Assign a working device to a job that has not started, or return None if there is none.

        The devices take turns. A checkpoint of the lost device is not used, because numbers would differ.
        """
        if not self._working:
            return None
        device = self._working[self._moved % len(self._working)]
        self._moved += 1
        document = parse_json(job.attempt / "group.json")
        document["group"]["device"] = device
        write_json(job.attempt / "group.json", document)
        return replace(job, group=replace(job.group, device=device))
