"""Measure many seeds on a GPU beside one core of the processor, eager and compiled: `python benchmarks/gpu.py`.

PPO on CartPole-v1 with 1,000 seeds and SAC on Pendulum-v1 with 100, in environment steps a second, summed over seeds.
Each is trained in a process of its own, as a worker would, without evaluations, and all take under five minutes. A row
that was not measured within its time says so. Without a GPU, only the processor is measured, and the output says it.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
import warnings
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
SECONDS_EACH = 33.0  # of a process, with its imports and compilation: eight of them take under five minutes
# Rollouts are shorter than usual, so that a processor ends some in this time: the ratio of devices is what counts.
WORKS = {
    "ppo": ("CartPole-v1", 1000, {"n_envs": 8, "n_steps": 16, "batch_size": 64, "n_epochs": 4, "net_arch": (64, 64)}),
    "sac": (
        "Pendulum-v1",
        100,
        {"net_arch": (256, 256), "batch_size": 256, "buffer_size": 20_000, "learning_starts": 64},
    ),
}
COLUMNS = ("work", "seeds", "device", "mode", "seed-steps/s", "times the processor, eager")


def train(work: str, seeds: int, device: str, compiled: bool, seconds: float) -> None:
    """Train until `seconds` have passed after the first update, and print what was measured as JSON."""
    warnings.filterwarnings("ignore")
    import torch

    from benchmarks.speed.ours import ENDLESS
    from rlbench.api import RunGroup, Task
    from rlbench.plugins import load_plugins
    from rlbench.runtime.live_group import LiveGroup
    from rlbench.runtime.record_sink import MemorySink

    torch.set_num_threads(1)
    env_id, _, config = WORKS[work]
    plugins = load_plugins()
    algorithm = plugins.algorithm(work).load()
    task = Task(env_id=env_id, steps=ENDLESS)
    group = RunGroup(work, {}, task, tuple(range(seeds)), device=device, compile=compiled)
    live = LiveGroup(group, algorithm, algorithm.Config(**config), plugins.backend("gymnasium"), MemorySink())
    interaction, warm = live.interaction, config.get("learning_starts", 1) + 16
    began: list[tuple[float, int]] = []

    def passed() -> None:
        if interaction.steps < warm:
            return
        if device != "cpu":
            torch.cuda.synchronize()
        began.append((time.perf_counter(), interaction.steps))
        (start, before), (now, steps) = began[0], began[-1]
        if len(began) > 1 and now - start > seconds:
            print(json.dumps({"rate": (steps - before) * seeds / (now - start)}), flush=True)
            os._exit(0)  # regardless of the library's threads

    interaction.save, interaction.save_every = passed, 1
    interaction.schedule_save()
    live.run()


def measured(work: str, seeds: int, device: str, compiled: bool, seconds: float, limit: float) -> float | str:
    """Return the rate of one process, or why there is none."""
    words = [work, str(seeds), device, str(int(compiled)), str(seconds)]
    try:
        child = subprocess.run(
            [sys.executable, __file__, "--train", *words], capture_output=True, text=True, timeout=limit, cwd=ROOT
        )
    except subprocess.TimeoutExpired:
        return f"not within {limit:.0f} s"
    try:
        return float(json.loads(child.stdout.strip().rpartition("\n")[2])["rate"])
    except (ValueError, KeyError):
        return child.stderr.strip().rpartition("\n")[2][-80:] or f"exit code {child.returncode}"


def devices() -> list[str]:
    import torch

    return ["cpu", "cuda:0"] if torch.cuda.is_available() else ["cpu"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--works", default=",".join(WORKS), help="algorithms, separated by commas")
    parser.add_argument("--seeds", type=int, help="seeds of each work (default 1000 of ppo, 100 of sac)")
    parser.add_argument("--seconds", type=float, default=8.0, help="least seconds of a measurement (default 8)")
    parser.add_argument("--limit", type=float, default=SECONDS_EACH, help="most seconds of a process (default 33)")
    parser.add_argument("--json", action="store_true", help="print the rows as one JSON list instead of a table")
    parser.add_argument("--train", nargs=5, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.train:
        work, seeds, device, compiled, seconds = options.train
        train(work, int(seeds), device, compiled == "1", float(seconds))
        return
    found, rows = devices(), list[dict[str, Any]]()
    for work in options.works.split(","):
        seeds, base = options.seeds or WORKS[work][1], None
        for device in found:
            for compiled in (False, True):
                rate = measured(work, seeds, device, compiled, options.seconds, options.limit)
                base = rate if device == "cpu" and not compiled else base
                ratio = rate / base if isinstance(rate, float) and isinstance(base, float) else None
                mode = "compiled" if compiled else "eager"
                rows.append(dict(zip(COLUMNS, (f"{work} {WORKS[work][0]}", seeds, device, mode, rate, ratio))))
    if options.json:
        print(json.dumps(rows))
        return
    table = [[_text(row[name]) for name in COLUMNS] for row in rows]
    widths = [max(map(len, column)) for column in zip(COLUMNS, *table)]
    for line in (COLUMNS, *table):
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip())
    if found == ["cpu"]:
        print("torch finds no GPU here, so none was measured")


def _text(value: Any) -> str:
    if value is None:
        return "–"
    return value if isinstance(value, str) else f"{value:,.0f}" if value >= 100 else f"{value:.2f}"


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    main()
