"""Ways to run prepared groups, each in an attempt folder of its own: here, or in one subprocess for each group."""

from rlbench.executors.intents import Intent, intents
from rlbench.executors.jobs import Context, Event, Job, Listen, Retry, prepare
from rlbench.executors.session import Options, Outcome, Watch, again, run_suite
from rlbench.executors.unasked import unasked

__all__ = [
    "Context",
    "Event",
    "Intent",
    "Job",
    "Listen",
    "Options",
    "Outcome",
    "Retry",
    "Watch",
    "again",
    "intents",
    "prepare",
    "run_suite",
    "unasked",
]
