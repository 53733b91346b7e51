"""Running a suite in a result folder: decide which runs to train, hand them to an executor, report progress."""

from rlbench.runner.preparation import prepare
from rlbench.runner.progress_reporter import ProgressReporter
from rlbench.runner.run_suite import SuiteOutcome, run_suite, runs_to_retrain
from rlbench.runner.schedule import RunDecision, decide_runs
from rlbench.runner.unrequested_runs import describe_unrequested

__all__ = [
    "ProgressReporter",
    "RunDecision",
    "SuiteOutcome",
    "decide_runs",
    "describe_unrequested",
    "prepare",
    "run_suite",
    "runs_to_retrain",
]
