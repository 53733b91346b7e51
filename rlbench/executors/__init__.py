"""Ways to run prepared groups, each in an attempt folder of its own: in this process, or in one subprocess a group."""

from rlbench.executors.jobs import Context, Event, Job, Listen, Retry

__all__ = ["Context", "Event", "Job", "Listen", "Retry"]
