"""Forwarding of executors' events to the progress display and, separately for each setting, to plugins' observers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rlbench.api import EndEvent, EvaluationEvent, Event, Job, StartEvent
from rlbench.executors.events import of_each_setting
from rlbench.plugins import Plugins
from rlbench.runner.progress_reporter import ProgressReporter
from rlbench.runner.record_tail import RecordTail


class EventForwarder:
    """Passes the events of executors to the progress reporter and to the plugins' observers."""

    def __init__(self, plugins: Plugins, reporter: ProgressReporter) -> None:
        self._plugins, self._reporter = plugins, reporter
        self._reads_records = plugins.observes("rlbench_recorded")
        self._tails: dict[Path, RecordTail] = {}

    def __call__(self, job: Job, event: Event) -> None:
        self._reporter.event(job, event)
        if self._reads_records and not isinstance(event, StartEvent):
            self._forward_records(job)
        for group, own in of_each_setting(job.group, event):
            match own:
                case StartEvent():
                    self.notify_observers("rlbench_group_started", group=group)
                case EvaluationEvent(kind, step, returns):
                    self.notify_observers("rlbench_evaluated", group=group, kind=kind, step=step, returns=list(returns))
                case EndEvent(status):
                    self.notify_observers("rlbench_group_finished", group=group, status=str(status))

    def _forward_records(self, job: Job) -> None:
        tail = self._tails.setdefault(job.attempt, RecordTail(job))
        metrics, episodes = tail.metrics(), tail.episodes()
        members = job.group.members
        for group, places in job.group.of_each_setting():
            seeds = dict(zip((members[place] for place in places), group.seeds))
            own_metrics = [record._replace(seed=seeds[record.seed]) for record in metrics if record.seed in seeds]
            own_episodes = [record._replace(seed=seeds[record.seed]) for record in episodes if record.seed in seeds]
            if own_metrics or own_episodes:
                self.notify_observers("rlbench_recorded", group=group, metrics=own_metrics, episodes=own_episodes)

    def notify_observers(self, hook: str, **arguments: Any) -> None:
        for problem in self._plugins.notify(hook, **arguments):
            self._reporter.warn(problem)
