"""Write rliable.json: what rliable 1.2.0 makes of three pairs of score matrices, for tests/stats/test_golden.py.

Run it in an environment of its own, since rliable does not import beside pandas 3:

    python -m venv /tmp/rliable && /tmp/rliable/bin/pip install rliable==1.2.0 "pandas<3"
    /tmp/rliable/bin/python tests/stats/golden/make_golden.py tests/stats/golden/rliable.json

rliable draws from numpy's global generator whatever random_state it is given, so that one is seeded here.
"""

import json
import sys
from importlib.metadata import version

import numpy as np
from rliable import library, metrics

REPS, FEW_REPS = 20_000, 2_000  # its probability of improvement takes 5 ms a resample
THRESHOLDS = [-1.0, -0.5, 0.0, 0.25, 0.5, 0.75, 1.0, 2.0]


def pairs(rng):
    """Runs × tasks, as rliable has them: many tasks, few runs, and coarse scores that tie."""
    return {
        "normal, 10 runs of 15 tasks": (rng.normal(0.5, 0.5, (10, 15)), rng.normal(0.4, 0.5, (10, 15))),
        "skewed, 5 and 7 runs of 4 tasks": (rng.exponential(1.0, (5, 4)), rng.exponential(0.8, (7, 4))),
        "ties, 8 runs of 3 tasks": (rng.integers(0, 5, (8, 3)) / 4, rng.integers(0, 5, (8, 3)) / 4),
    }


def estimates(scores):
    return np.array(
        [
            metrics.aggregate_iqm(scores),
            metrics.aggregate_mean(scores),
            metrics.aggregate_median(scores),
            metrics.aggregate_optimality_gap(scores, gamma=1.0),
        ]
    )


def case(ours, theirs):
    points, intervals = library.get_interval_estimates({"ours": ours}, estimates, reps=REPS)
    profile, bands = library.create_performance_profile({"ours": ours}, np.array(THRESHOLDS), reps=FEW_REPS)
    chance, chances = library.get_interval_estimates(
        {"pair": [ours, theirs]}, lambda x, y: np.array([metrics.probability_of_improvement(x, y)]), reps=FEW_REPS
    )
    return {
        "ours": ours.T.tolist(),
        "theirs": theirs.T.tolist(),
        "estimates": dict(zip(("iqm", "mean", "median", "optimality_gap"), points["ours"].tolist())),
        "intervals": dict(zip(("iqm", "mean", "median", "optimality_gap"), intervals["ours"].T.tolist())),
        "profile": {"thresholds": THRESHOLDS, "share": profile["ours"].tolist(), "band": bands["ours"].tolist()},
        "improvement": {"estimate": float(chance["pair"][0]), "interval": chances["pair"][:, 0].tolist()},
    }


def main(path):
    np.random.seed(0)
    cases = {name: case(*pair) for name, pair in pairs(np.random.default_rng(0)).items()}
    made = {"rliable": version("rliable"), "numpy": version("numpy"), "reps": REPS, "few_reps": FEW_REPS}
    with open(path, "w") as file:
        json.dump({"made_with": made, "cases": cases}, file, indent=1)
        file.write("\n")


if __name__ == "__main__":
    main(sys.argv[1])
