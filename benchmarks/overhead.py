"""Measure where the processor time of a suite goes: algorithms, environments, harness.

`python benchmarks/overhead.py [SUITE]` runs the suite as `rlbench run` does, in a temporary folder, and samples the
stack of every process each few milliseconds of its processor time. A sample belongs to the innermost frame that is
the algorithm's (a plugin, the kit), the environment's (gymnasium) or the harness's; libraries count for
their caller. Imports, and the table and the report at the end, are listed separately.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# Imported first by every Python process of the run.
SAMPLER = """
import atexit, json, os, signal, sys
from collections import Counter

COUNTS = Counter()
PLACES = (
    ("/importlib/", "imports"), ("<frozen importlib", "imports"),
    ("/gymnasium/", "environment"),
    ("/plugins/rlbench_", "algorithm"), ("/rlbench/kit/", "algorithm"), ("/stable_baselines3/", "algorithm"),
    ("/rlbench/reports/", "table and report"), ("/rlbench/cli/commands/table.py", "table and report"),
    ("/rlbench/envs/", "boundary"), ("/rlbench/runtime/", "boundary"),
    ("/rlbench/results/", "records and storage"), ("/rlbench/executors/", "processes and progress"),
    ("/rlbench/cli/", "processes and progress"), ("/rlbench/plugins/", "planning"), ("/rlbench/suites/", "planning"),
)

def sample(number, frame):
    while frame is not None:
        name = frame.f_code.co_filename
        for part, kind in PLACES:
            if part in name:
                COUNTS[kind] += 1
                return
        frame = frame.f_back
    COUNTS["other"] += 1

def write():
    signal.setitimer(signal.ITIMER_PROF, 0)
    times = os.times()
    with open(os.path.join(os.environ["RLBENCH_SAMPLES"], f"{os.getpid()}.json"), "w") as file:
        worker = "rlbench.executors.worker_main" in " ".join(sys.orig_argv)
        json.dump({"worker": worker, "seconds": times.user + times.system, "counts": COUNTS}, file)

signal.signal(signal.SIGPROF, sample)
signal.setitimer(signal.ITIMER_PROF, 0.004, 0.004)
atexit.register(write)
"""


def measure(suite: str) -> list[dict]:
    """Run the suite. Returns: the samples of each process."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "sitecustomize.py").write_text(SAMPLER)
        (folder / "samples").mkdir()
        path = os.pathsep.join([name, *filter(None, [os.environ.get("PYTHONPATH")])])
        environment = {**os.environ, "PYTHONPATH": path, "RLBENCH_SAMPLES": str(folder / "samples")}
        command = [sys.executable, "-m", "rlbench.cli.main", "run", suite, "-o", str(folder / "results")]
        subprocess.run(command, env=environment, check=True, cwd=ROOT, stdout=sys.stderr)
        return [json.loads(path.read_text()) for path in (folder / "samples").iterdir()]


def main(suite: str = "suites/quickstart.yaml") -> None:
    seconds: Counter[str] = Counter()
    for process in measure(suite):
        total = sum(process["counts"].values()) or 1
        for kind, count in process["counts"].items():
            seconds[kind] += process["seconds"] * count / total
    whole = sum(seconds.values())
    print(f"{'':24}{'CPU s':>8}{'share':>8}")
    for kind, value in seconds.most_common():
        print(f"{kind:24}{value:8.2f}{value / whole:8.1%}")
    harness = sum(seconds[k] for k in ("boundary", "records and storage", "processes and progress", "planning"))
    print(
        f"{'harness':24}{harness:8.2f}{harness / whole:8.1%}"
        "   boundary, records, storage, processes, progress, planning"
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
