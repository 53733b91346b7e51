"""Measure time and memory to load, aggregate and compare a large result folder.

    taskset -c 1 .venv/bin/python benchmarks/loading.py /tmp/large [--runs 10000] [--evaluations 200]

Creates the folder in the store's own formats if it does not exist (ten algorithms on ten tasks, random scores; some
runs fail, some diverge), then runs each part in its own process, first without and then with the folder's cache
(index.parquet). Seconds are of the whole process, imports included; memory is the peak resident set.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.random import PCG64, Generator, SeedSequence

from rlbench.api import EvaluationProtocol, Run, RunGroup, Task
from rlbench.results import Store
from rlbench.results.checksums import with_checksum
from rlbench.results.file_io import file_hash
from rlbench.results.jsonl_records import TABLES
from rlbench.results.publication import schema

ALGORITHMS, TASKS = 10, 10
# Of each run: as much as a real result.json has.
FACTS = {
    "message": "",
    "diverged_at": None,
    "wall_seconds": 100.0,
    "resumed_from": 0,
    "code": {"distribution": "rlbench", "version": "0"},
    "dependencies": {
        "files": {f"made.module_{number}": f"{number:016x}" for number in range(4)},
        "rlbench": {f"rlbench.module_{number}": f"{number:016x}" for number in range(50)},
        "distributions": {f"distribution-{number}": f"1.{number}" for number in range(8)},
    },
    "numerics": {"device": "cpu", "threads": 1, "compiled": False, "stack_independence": "bitwise"},
    "versions": {"python": "3.11", "rlbench": "0", "numpy": "2"},
    "environment_backend": "gymnasium 1",
    "hardware": {"cpu": "one", "cores": 2, "memory_bytes": 1 << 34, "system": "Linux"},
    "metering": "boundary",
    "reproducible": True,
    "stack_size": 10,
    "group_wall_seconds": 110.0,
    "steps_per_second": 1000.0,
    "cpu_seconds": 90.0,
    "group_peak_memory_bytes": 1 << 28,
    "package_energy_joules": None,
    "load_average": 1.0,
    "git_commit": "0" * 40,
    "resume": "exact",
    "resumable": True,
}
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


def make(root: Path, runs: int, evaluations: int, tasks: int = TASKS) -> None:
    """Write a folder of finished runs whose evaluation curves rise to a score near the algorithm's own.

    Nothing waits for the disk, which would take longer than everything else. Delete a folder that a power cut corrupts.
    """
    with patch("rlbench.results.file_io.sync"):
        _make(root, runs, evaluations, tasks)


def _make(root: Path, runs: int, evaluations: int, tasks: int) -> None:
    store, seeds = Store(root), tuple(range(runs // (ALGORITHMS * tasks)))
    protocol = EvaluationProtocol(every=1_000, episodes=10, final_episodes=100)
    made = [Task(f"Made{t}-v0", evaluations * 1_000, protocol) for t in range(tasks)]
    groups = [RunGroup(f"a{a}", {"gamma": 0.99}, task, seeds, f"a{a}") for a in range(ALGORITHMS) for task in made]
    entries = [{"id": task.env_id, "anchors": {"lower": 0.0, "upper": 100.0}} for task in made]
    store.lock()
    store.describe_suite({"name": "large", "environments": entries}, [r for g in groups for r in g.runs], "0")
    generator = Generator(PCG64(SeedSequence(1)))
    for at, group in enumerate(groups):
        attempt = store.new_attempt(group, {}, "rlbench")
        for name in ("stdout.log", "stderr.log", "heartbeat", *(f"{table}.jsonl" for table in TABLES)):
            (attempt / name).write_text("")
        (attempt / "made-by.json").write_text(json.dumps(FACTS["code"]))
        for run in group.runs:
            draw = generator.random()
            if draw < 0.002:  # a failed run without result
                continue
            score = generator.normal(50 + 2 * (at // tasks), 10)
            _write(store.folder(run), run, attempt.name, _tables(run.seed, score, evaluations, generator), draw > 0.998)
        (attempt / "exit.json").write_text('{"status": "failed", "message": "one of the seeds"}')
        if not (at + 1) % 100:
            print(f"{at + 1} of {len(groups)} groups", file=sys.stderr)
    store.unlock()


def _tables(seed: int, score: float, evaluations: int, generator: Generator) -> dict[str, pa.Table]:
    """Return a run's published tables: an evaluation every 1 000 steps, 200 training episodes, 20 metrics."""
    count, steps = evaluations + 1, np.arange(1, evaluations + 1) * 1_000
    rising = score * (1 - np.exp(-steps / steps[-1] * 5))
    returns = np.concatenate([(rising[:, None] + generator.standard_normal((evaluations, 10))).ravel(),
                              score + generator.standard_normal(100)])  # fmt: skip
    ends = np.append(np.arange(count) * 10, 10 * evaluations + 100)
    means = np.add.reduceat(returns, ends[:-1]) / np.diff(ends)
    nominal = np.append(steps, steps[-1])
    lists = [
        pa.ListArray.from_arrays(ends.astype(np.int32), pa.array(values))
        for values in (returns, np.full(ends[-1], 100))
    ]
    kinds = pa.array(["grid"] * evaluations + ["final"])
    hundred = np.full(count, 100.0)
    columns = [np.full(count, seed), nominal, nominal, kinds, means, np.ones(count), hundred, *lists, nominal / 2_000]
    k = np.arange(200)
    episodes = [k * 0 + seed, 100 * k, (k * 0).astype(np.int32), k, k, generator.normal(score, 5, 200), k * 0 + 100]
    m = np.arange(20)
    rows = {
        "evaluations": columns,
        "episodes": [*episodes, pa.array(["truncated"] * 200)],
        "metrics": [m * 0 + seed, 1_000 * m, pa.array(["loss"] * 20), 1.0 / (m + 1)],
    }
    return {
        name: pa.Table.from_arrays([pa.array(v) for v in values], schema=schema(name)) for name, values in rows.items()
    }


def _write(folder: Path, run: Run, attempt: str, tables: dict[str, pa.Table], diverged: bool) -> None:
    """Write like rlbench.results.publication, but all records at once and without waiting for the disk."""
    listed = {}
    for name, table in tables.items():
        path = folder / f"{name}.parquet"
        pq.write_table(table, path, compression="zstd")
        listed[path.name] = {"sha256": file_hash(path), "rows": len(table)}
    result = {
        "schema_version": 1,
        "key": run.key,
        "attempt": attempt,
        "status": "diverged" if diverged else "done",
        "steps": run.task.steps,
        **FACTS,
        "files": listed,
    }
    (folder / "result.json").write_text(json.dumps(with_checksum(result), indent=1) + "\n")


def measure(root: Path, code: str) -> dict[str, float]:
    """Measure a part in its own process."""
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
    rows = []
    for part in arguments.part or PARTS:
        for cache in ("without", "with"):
            if cache == "without":
                (arguments.folder / "index.parquet").unlink(missing_ok=True)
            rows.append({"part": part, "cache": cache, **measure(arguments.folder, PARTS[part])})
            if not arguments.json:
                print(
                    "{part:40} {cache:8} {seconds:7.1f} s {cpu_seconds:7.1f} CPU s {peak_gb:6.2f} GB".format(
                        **rows[-1]
                    ),
                    flush=True,
                )
    if arguments.json:
        print(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
