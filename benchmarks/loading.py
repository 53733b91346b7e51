"""How long a large result folder takes to load, to aggregate and to compare, and the memory it takes.

    taskset -c 1 .venv/bin/python benchmarks/loading.py /tmp/large [--runs 10000] [--evaluations 200]

Makes the folder through the store's own writers where there is none yet (ten algorithms on ten tasks, scores drawn; some
runs fail, some diverge), then does each part in a process of its own, first without and then with the cache that the folder
keeps (index.parquet). Seconds are of the whole process, imports included; memory is the peak resident set.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from numpy.random import PCG64, Generator, SeedSequence

from rlbench.api import EvaluationProtocol, RunGroup, Task
from rlbench.results import Store, files, publish

ALGORITHMS, TASKS = 10, 10
PARTS = {
    "runs, scores": "r.runs(); r.scores()",
    "aggregate": "r.aggregate()",
    "curves": "r.curves()",
    "compare two": "r.compare('a1', 'a2')",
    "compare all with one": "r.compare(baseline='a0')",
    "compare all pairs": "r.compare()",
    "evaluations as a frame": "r.evaluations()",
    "load, aggregate, compare two": "r.runs(); r.aggregate(); r.compare('a1', 'a2')",
    "load, aggregate, compare all with one": "r.runs(); r.aggregate(); r.compare(baseline='a0')",
}


def make(root: Path, runs: int, evaluations: int) -> None:
    """A folder of finished runs: evaluation curves that rise to a score drawn around the algorithm's own."""
    files.sync = lambda path: None  # 100 000 of them; a folder that a power cut spoils is made again
    store, seeds = Store(root), tuple(range(runs // (ALGORITHMS * TASKS)))
    protocol = EvaluationProtocol(every=1_000, episodes=10, final_episodes=100)
    tasks = [Task(f"Made{t}-v0", evaluations * 1_000, protocol) for t in range(TASKS)]
    groups = [RunGroup(f"a{a}", {}, task, seeds, f"a{a}") for a in range(ALGORITHMS) for task in tasks]
    entries = [{"id": task.env_id, "anchors": {"lower": 0.0, "upper": 100.0}} for task in tasks]
    store.describe_suite({"name": "large", "environments": entries}, [r for g in groups for r in g.runs], "0")
    generator = Generator(PCG64(SeedSequence(1)))
    for at, group in enumerate(groups):
        attempt = store.new_attempt(group, {}, "rlbench")
        for run in group.runs:
            draw = generator.random()
            if draw < 0.002:  # it failed: no result
                continue
            score = generator.normal(50 + 2 * (at // TASKS), 10)
            facts = {
                "status": "diverged" if draw > 0.998 else "done",
                "steps": group.task.steps,
                "wall_seconds": 100.0,
                "cpu_seconds": 90.0,
                "stack_size": len(seeds),
                "code": {"version": "0"},
                "numerics": {"device": "cpu"},
            }
            publish(store.folder(run), run, attempt, {}, facts, _records(run.seed, score, evaluations, generator))
        print(f"{at + 1} of {len(groups)} groups", file=sys.stderr)


def _records(seed: int, score: float, evaluations: int, generator: Generator) -> dict[str, dict[int, list]]:
    rising = score * (1 - np.exp(-np.linspace(0, 5, evaluations + 1)))
    noise = generator.standard_normal((evaluations + 1, 10))
    grid = [(rising[k] + noise[k], k * 1_000, "grid") for k in range(1, evaluations + 1)] + [
        (score + generator.standard_normal(100), evaluations * 1_000, "final")
    ]
    rows = [
        {
            "seed": seed,
            "nominal_step": step,
            "step": step,
            "kind": kind,
            "return_mean": float(returns.mean()),
            "return_std": float(returns.std()),
            "length_mean": 100.0,
            "returns": returns.tolist(),
            "lengths": [100] * len(returns),
            "wall_seconds": step / 2_000,
        }
        for returns, step, kind in grid
    ]
    episodes = [
        {
            "seed": seed,
            "step": 100 * k,
            "rank": 0,
            "episode": k,
            "reset_seed": k,
            "return": float(value),
            "length": 100,
            "end": "truncated",
        }
        for k, value in enumerate(generator.normal(score, 5, 2_000))
    ]
    metrics = [{"seed": seed, "step": 1_000 * k, "name": "loss", "value": 1.0 / (k + 1)} for k in range(evaluations)]
    return {"evaluations": {seed: rows}, "episodes": {seed: episodes}, "metrics": {seed: metrics}}


def measure(root: Path, code: str) -> dict[str, float]:
    """A part in a process of its own."""
    script = f"import rlbench; r = rlbench.load({str(root)!r}); {code}"
    began = time.monotonic()
    child = subprocess.Popen([sys.executable, "-c", script])
    _, status, usage = os.wait4(child.pid, 0)
    if status:
        raise SystemExit(f"{code}: exit status {status}")
    unit = 1 if sys.platform == "darwin" else 1024  # ru_maxrss: bytes there, KiB here
    return {
        "seconds": time.monotonic() - began,
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
        "peak_gb": usage.ru_maxrss * unit / 1e9,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--evaluations", type=int, default=200)
    parser.add_argument("--part", choices=[*PARTS], action="append", help="only this one; may be repeated")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    if not (arguments.folder / "suite.json").exists():
        make(arguments.folder, arguments.runs, arguments.evaluations)
    found = []
    for part in arguments.part or PARTS:
        for cache in ("without", "with"):
            if cache == "without":
                (arguments.folder / "index.parquet").unlink(missing_ok=True)
            found.append({"part": part, "cache": cache, **measure(arguments.folder, PARTS[part])})
            if not arguments.json:
                print(
                    "{part:40} {cache:8} {seconds:7.1f} s {cpu_seconds:7.1f} CPU s {peak_gb:6.2f} GB".format(
                        **found[-1]
                    ),
                    flush=True,
                )
    if arguments.json:
        print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
