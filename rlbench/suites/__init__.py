"""Suites: the models of suite files, a reader whose errors point at the line, and the plan of runs."""

from rlbench.suites.loader import LoadedSuite, builtin_suites, find_suite, load_suite, read_suite
from rlbench.suites.overrides import value_of
from rlbench.suites.plan import Plan, Skip, plan
from rlbench.suites.suite_models import Suite
from rlbench.suites.suite_values import seconds

__all__ = [
    "LoadedSuite",
    "Plan",
    "Skip",
    "Suite",
    "builtin_suites",
    "find_suite",
    "load_suite",
    "plan",
    "read_suite",
    "seconds",
    "value_of",
]
