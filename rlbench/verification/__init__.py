"""Checks that results are reproducible: training a run once more, and playing recorded actions without a policy."""
