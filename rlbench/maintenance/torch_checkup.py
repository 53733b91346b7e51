"""Checkup of torch in a child process with a worker's settings: threads, bits of products in stacks, accelerators."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rlbench.executors.worker_process import MKL_MODE, worker_environment
from rlbench.maintenance.findings import Finding, note, ok, to_do
from rlbench.plugins.subprocess_query import run_query
from rlbench.text import data_size, join_names

TIME_LIMIT_SECONDS = 120
_CHILD = "rlbench.testing.torch_report"


def examine_torch() -> Iterator[Finding]:
    """Yield findings about torch in a worker process on this machine."""
    report = query_torch()
    if isinstance(report, str):
        advice = "install it again: pip install --force-reinstall torch"
        yield to_do("torch", f"a worker process cannot use it: {report}", advice)
        return
    yield from describe(report)


def query_torch() -> Mapping[str, Any] | str:
    """Return the report of a child process (see rlbench.testing.torch_report), or in words why there is none."""
    with tempfile.TemporaryDirectory(prefix="rlbench-") as folder:
        answer = Path(folder, "answer.json")
        try:
            ended = run_query(_CHILD, [str(answer)], TIME_LIMIT_SECONDS, worker_environment())
        except PermissionError as error:
            return f"{sys.executable} cannot be started: {error.strerror}"
        try:
            report: Mapping[str, Any] = json.loads(answer.read_text("utf-8"))
        except (OSError, ValueError):
            if ended.code is None:
                return f"took over {TIME_LIMIT_SECONDS} s"
            return ended.last_line or f"ended its process with code {ended.code}"
    return report


def describe(report: Mapping[str, Any]) -> Iterator[Finding]:
    """Yield the findings in a report."""
    threads = "one thread" if report["threads"] == 1 else f"{report['threads']} threads"
    what = f"{report['torch']}, in a worker process on {threads} with {report['cpu_capability']}"
    if report["threads"] == 1:
        yield ok("torch", what)
    else:
        yield note("torch", f"{what}; with several threads, numbers may depend on the stack")
    yield _stacks(report)
    yield _accelerators(report)


def _stacks(report: Mapping[str, Any]) -> Finding:
    """Return whether products of matrices are independent of the stack here."""
    tried = f"{report['kernels']} kernels tried"
    if report["stack_independence"] == "bitwise":
        return ok("stacks", f"products give a seed the same bits alone and in a stack ({tried})")
    differing = join_names(report.get("kernels_that_differ", []), most=3)
    mode = os.environ.get("MKL_CBWR", MKL_MODE)
    advice = "unset MKL_CBWR" if mode != MKL_MODE else "`stack_independence` in result.json records this for each run"
    return note("stacks", f"a seed gets different last bits alone and in a stack from {differing} ({tried})", advice)


def _accelerators(report: Mapping[str, Any]) -> Finding:
    devices = [f"cuda:{i} {name}, {data_size(size)}" for i, (name, size) in enumerate(report["cuda"])]
    devices += ["mps"] * bool(report["mps"])
    if devices:
        return ok("accelerators", "; ".join(devices))
    if os.path.exists("/dev/nvidia0") or shutil.which("nvidia-smi"):
        why = report["cuda_problem"] or "torch was built without CUDA"
        what = f"there is an NVIDIA driver, but torch finds no device: {why}"
        return note("accelerators", what, "install a torch that fits the driver: https://pytorch.org/get-started")
    return ok("accelerators", "none: suites train on cpu")
