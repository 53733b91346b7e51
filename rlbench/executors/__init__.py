"""Ways to run prepared groups: in this process, or with one subprocess per group. Each group has its attempt folder."""

from rlbench.executors.jobs import Context, Event, EventListener, Job, Retry

__all__ = ["Context", "Event", "EventListener", "Job", "Retry"]
