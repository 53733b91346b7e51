"""Ways to run prepared groups, each in an attempt folder of its own: here, or in one subprocess for each group."""

from rlbench.executors.jobs import Event, Job, Listen, Retry, prepare, set_changed_aside, set_corrupt_aside

__all__ = ["Event", "Job", "Listen", "Retry", "prepare", "set_changed_aside", "set_corrupt_aside"]
