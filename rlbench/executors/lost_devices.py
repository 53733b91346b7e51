"""Devices that stop working while a suite runs. Their groups are trained on the working devices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from rlbench.api import EndEvent, Job, RunStatus
from rlbench.results.file_io import parse_json, write_json
from rlbench.suites.devices import device_problem


class DevicePool:
    """The devices of the groups that are trained. A device is lost if a new process cannot use it.

    say: a function that shows a line to the user.
    """

    def __init__(self, jobs: Sequence[Job], say: Callable[[str], None]) -> None:
        self._working = list(dict.fromkeys(job.group.device for job in jobs))
        self._problems: dict[str, str] = {}  # the errors of lost devices
        self._say = say
        self._moved = 0

    def is_lost(self, job: Job) -> bool:
        return job.group.device in self._problems

    def explain(self, job: Job, end: EndEvent) -> EndEvent:
        """Return the end of a job. If it failed because its device was lost, return an interruption that says so.

        The device is tried only after a failure, because the trial takes as long as importing torch.
        """
        device = job.group.device
        if end.status != RunStatus.FAILED or device == "cpu":
            return end
        if device in self._working and (problem := device_problem(device)):
            self._working.remove(device)
            self._problems[device] = problem
            rest = f"its groups are trained on {', '.join(self._working)}" if self._working else "no device is left"
            self._say(f"{device} no longer works: {problem}; {rest}")
        if device not in self._problems:
            return end
        return EndEvent(RunStatus.INTERRUPTED, f"{device} no longer works: {self._problems[device]}")

    def move(self, job: Job) -> Job | None:
        """Assign a working device to a job that has not started, and return the job; None if no device works.

        Devices are assigned in turn. Checkpoints of the lost device are not used, because numbers would differ.
        """
        if not self._working:
            return None
        device = self._working[self._moved % len(self._working)]
        self._moved += 1
        document = parse_json(job.attempt / "group.json")
        document["group"]["device"] = device
        write_json(job.attempt / "group.json", document)
        return replace(job, group=replace(job.group, device=device))
