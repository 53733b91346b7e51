"""Measure time, memory and file size of the report of a large result folder: `python benchmarks/report.py`.

The folder is synthetic (10 algorithms × 10 tasks × 100 seeds, 200 evaluations and 50 episodes a run) and kept in
--folder. Creating it takes minutes and is not measured. The report is written in a separate process; wall and processor
seconds exclude imports.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from unittest.mock import patch

import numpy as np

from rlbench.api import EvaluationProtocol, RunGroup, Task
from rlbench.results import Store, publish
from rlbench.results.provenance import hardware

EVALUATIONS, EPISODES = 200, 50
TASKS = ("CartPole-v1", "Acrobot-v1", "Pendulum-v1", "MountainCar-v0", "MountainCarContinuous-v0", *"ABCDE")
FACTS = {
    "status": "done",
    "steps": 200_000,
    "code": {"distribution": "rlbench", "version": "0", "plugin_sources": "0"},
    "numerics": {"torch": "2", "threads": 1, "device": "cpu"},
    "versions": {"python": "3"},
    "hardware": hardware(),
    "stack_size": 100,
    "group_wall_seconds": 900.0,
    "wall_seconds": 800.0,
    "cpu_seconds": 8.0,
    "group_peak_memory_bytes": 2**30,
    "load_average": 1.0,
}


def make(root: Path, algorithms: int, seeds: int) -> None:
    """Create a folder of synthetic runs; existing runs are kept."""
    draw = np.random.Generator(np.random.PCG64(7))
    protocol = EvaluationProtocol(every=1_000, episodes=10, final_episodes=100)
    groups = [
        RunGroup(f"alg{a}", {"lr": a / 1000}, Task(task, 200_000, protocol), tuple(range(seeds)))
        for a in range(algorithms)
        for task in TASKS
    ]
    store = Store(root)
    runs = [run for group in groups for run in group.runs]
    store.describe_suite({"name": "large", "algorithms": [{"id": f"alg{a}"} for a in range(algorithms)]}, runs, "0")
    for at, group in enumerate(groups):
        attempt = store.new_attempt(group, {}, "rlbench")
        rise = np.linspace(0, 1, EVALUATIONS) ** (0.3 + at % 7 / 7)
        for run in group.runs:
            returns = 500 * rise * draw.uniform(0.7, 1) + draw.normal(0, 12, EVALUATIONS)
            publish(store.folder(run), run, attempt, {}, FACTS, _records(run.seed, returns))
        print(f"{at + 1} of {len(groups)} groups", file=sys.stderr)


def _records(seed: int, returns: np.ndarray) -> dict[str, dict[int, list[dict[str, object]]]]:
    def evaluation(step: int, kind: str, value: float) -> dict[str, object]:
        row = {"seed": seed, "nominal_step": step, "step": step, "kind": kind, "return_mean": value, "return_std": 1.0}
        return {**row, "length_mean": 100.0, "returns": [value] * 10, "lengths": [100] * 10, "wall_seconds": step / 250}

    rows = [evaluation((i + 1) * 1_000, "grid", float(value)) for i, value in enumerate(returns)]
    episode = {"seed": seed, "rank": 0, "reset_seed": 1, "return": 100.0, "length": 100, "end": "truncated"}
    return {
        "evaluations": {seed: [*rows, evaluation(200_000, "final", float(returns[-1]))]},
        "episodes": {seed: [{**episode, "step": (i + 1) * 100, "episode": i} for i in range(EPISODES)]},
        "metrics": {seed: []},
    }


CHILD = """
import json, resource, sys, time
from pathlib import Path
begun = time.perf_counter()
from rlbench.analysis import Results
from rlbench.reports.page import results_page, write_page
path = write_page(results_page(Results(sys.argv[1])), Path(sys.argv[2]))
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
seconds, cpu_seconds = round(time.perf_counter() - begun, 2), round(time.process_time(), 2)
mib = round(path.stat().st_size / 2**20, 2)
print(json.dumps({"seconds": seconds, "cpu_seconds": cpu_seconds, "peak_mib": round(peak), "mib": mib}))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "rlbench-large")
    parser.add_argument("--algorithms", type=int, default=10)
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--cold", action="store_true", help="delete the folder's cache of its runs first")
    given = parser.parse_args()
    if not (given.folder / "suite.json").exists():
        with patch("rlbench.results.file_io.sync"):  # synthetic runs need not survive a power cut
            make(given.folder, given.algorithms, given.seeds)
    if given.cold:
        (given.folder / "index.parquet").unlink(missing_ok=True)
    command = [sys.executable, "-c", CHILD, str(given.folder), str(given.folder / "report.html")]
    figures = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    print(json.dumps({"runs": given.algorithms * given.seeds * len(TASKS), **figures}))


if __name__ == "__main__":
    main()
