"""Measure twenty learning rates of one algorithm in stacks against twenty groups, in turns, and compare every number.

    .venv/bin/python benchmarks/settings.py [--rounds 3] [--seeds 3] [--steps 10000] [--jobs 2] [--out build/settings]

A turn is `rlbench run` of one suite in an empty folder, once with `stack: settings` and once with `stack: seeds`; its
seconds are those of the whole process, imports, evaluations and the starts of workers included. The runs of both must
have the same records and weights, bit for bit. Timings under load mean nothing: run it on a quiet machine.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import yaml

from rlbench.results import commit, hardware
from rlbench.results.provenance import versions

RATES = [float(f"{rate:.3g}") for rate in np.geomspace(1e-4, 1e-2, 20)]
PARAMS = {
    "dqn": {"net_arch": [64, 64], "learning_starts": 500, "train_freq": 2, "buffer_size": 10_000},
    "ppo": {"n_envs": 4, "n_steps": 128, "batch_size": 64},
}


def suite(algorithm: str, stack: str, seeds: int, steps: int) -> dict[str, Any]:
    return {
        "name": "rates",
        "algorithms": [{"id": algorithm, "params": PARAMS[algorithm], "sweep": {"learning_rate": RATES}}],
        "environments": [{"id": "CartPole-v1", "steps": steps}],
        "seeds": seeds,
        "evaluation": {"every": 0, "final_episodes": 10},
        "compile": "off",
        "stack": stack,
    }


def turn(work: dict[str, Any], jobs: int) -> tuple[float, float, dict[str, str]]:
    """Return the seconds and the processor seconds of one turn, and a hash of every run's records and weights."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "suite.yaml").write_text(yaml.safe_dump(work))
        command = [sys.executable, "-m", "rlbench.cli.main", "run", str(folder / "suite.yaml"), "-j", str(jobs)]
        before, began = _processor_seconds(), time.monotonic()
        subprocess.run([*command, "-o", str(folder / "out"), "-q"], check=True, stdout=subprocess.DEVNULL)
        seconds = time.monotonic() - began
        return seconds, _processor_seconds() - before, contents(folder / "out")


def _processor_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def contents(folder: Path) -> dict[str, str]:
    """Return a hash of the records, times apart, and of the weights of each run."""
    hashes = {}
    for run in sorted((folder / "runs").iterdir()):
        parts = [(run / "policy.safetensors").read_bytes()]
        for table in ("episodes", "evaluations", "metrics"):
            frame = pq.read_table(run / f"{table}.parquet").to_pandas().drop(columns="wall_seconds", errors="ignore")
            parts.append(frame.to_json(double_precision=15).encode())
        hashes[run.name] = hashlib.sha256(b"".join(parts)).hexdigest()
    return hashes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--algorithm", choices=list(PARAMS), default="dqn")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=10_000)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("build/settings"))
    given = parser.parse_args()
    rows: dict[str, list[tuple[float, float]]] = {"settings": [], "seeds": []}
    seen: list[dict[str, str]] = []
    for _ in range(given.rounds):
        for stack, turns in rows.items():
            seconds, processor, found = turn(suite(given.algorithm, stack, given.seeds, given.steps), given.jobs)
            turns.append((seconds, processor))
            seen.append(found)
            print(
                f"stack: {stack}: {seconds:.1f} s, {processor:.1f} s of processor time, {len(found)} runs", flush=True
            )
    ratios = [apart[0] / together[0] for together, apart in zip(rows["settings"], rows["seeds"])]
    result = {
        "commit": commit(Path(__file__).resolve()),
        "hardware": hardware(),
        "versions": dict(versions()),
        "load_average": os.getloadavg()[0],
        **{name: getattr(given, name) for name in ("algorithm", "seeds", "steps", "jobs")},
        "rates": RATES,
        "turns": rows,
        "ratio": statistics.median(ratios),
        "ratios": ratios,
        "same": all(found == seen[0] for found in seen),
    }
    given.out.mkdir(parents=True, exist_ok=True)
    (given.out / f"{given.algorithm}.json").write_text(json.dumps(result, indent=1) + "\n")
    print(f"{result['ratio']:.2f} times as fast in stacks ({min(ratios):.2f} to {max(ratios):.2f});", end=" ")
    print("the same numbers, bit for bit" if result["same"] else "NOT the same numbers")


if __name__ == "__main__":
    main()
