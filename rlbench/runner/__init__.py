"""Run a suite in a result folder: decide which runs to train, hand them to an executor, report what happens."""

from rlbench.runner.preparation import prepare
from rlbench.runner.run_suite import Options, Outcome, Watch, again, run_suite
from rlbench.runner.schedule import Intent, intents
from rlbench.runner.unrequested_runs import unasked

__all__ = ["Intent", "Options", "Outcome", "Watch", "again", "intents", "prepare", "run_suite", "unasked"]
