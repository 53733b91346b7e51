"""Measure how speed and memory grow with seeds per group, width of networks, and parallel groups.

    .venv/bin/python benchmarks/growth.py [--seconds 2] [--out build/growth]

Seed-steps per second of the built-in algorithms, without evaluation, not compiled, each side in its own process on one
core. Sides of a study take turns in several rounds; the medians are reported. Jobs are groups that run at the same time
on as many cores. Writes JSON, a Markdown table and a figure.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("svg")
import seaborn as sns

from benchmarks.speed.command import say
from benchmarks.speed.rounds import Plan, Player, play
from benchmarks.speed.works import BY_NAME, Side
from rlbench.results.provenance import commit, hardware, versions

STACKS = (1, 2, 4, 8, 16, 32, 64)
WIDTHS = (16, 32, 64, 128, 256, 512)
PPO, DQN, SAC = "ppo CartPole-v1", "dqn CartPole-v1", "sac Pendulum-v1"
PATIENCE = 600.0


def stacks() -> list[Side]:
    most = {PPO: 64, DQN: 64, SAC: 8}
    return [Side(work, "ours", size) for work, limit in most.items() for size in STACKS if size <= limit]


def widths() -> list[Side]:
    return [Side(work, "ours", seeds, width=w) for work in (PPO, DQN) for w in WIDTHS for seeds in (1, 10)]


def alone(sides: Sequence[Side], plan: Plan, study: str) -> list[dict[str, Any]]:
    """Return a row for each side: seed-steps per second, processor time in µs per seed-step, peak memory."""
    rows = []
    for work in dict.fromkeys(side.work for side in sides):
        say(f"{study}: {work}")
        for played in play([side for side in sides if side.work == work], plan, say):
            if played.failed:
                continue
            turns = played.turns
            rows.append(
                {
                    "study": study,
                    "work": work,
                    "seeds": played.side.seeds,
                    "width": played.side.width or BY_NAME[work].config["net_arch"][0],
                    "jobs": 1,
                    "steps_per_second": statistics.median(t["steps"] / t["wall"] for t in turns),
                    "cpu_microseconds": statistics.median(t["cpu"] / t["steps"] for t in turns) * 1e6,
                    "peak_bytes": max(t["peak_bytes"] for t in turns),
                }
            )
    return rows


def together(work: str, seeds: int, cores: Sequence[int], plan: Plan) -> dict[str, Any]:
    """Measure equal parts of the seeds on each of the cores at the same time."""
    players = [Player(Side(work, "ours", seeds // len(cores)), core) for core in cores]
    try:
        for player in players:
            player.answer(PATIENCE)
        with ThreadPoolExecutor(len(players)) as pool:
            rounds = [list(pool.map(lambda p: p.turn(plan.seconds), players)) for _ in range(plan.rounds)]
    finally:
        for player in players:
            player.close()
    return {
        "study": "jobs",
        "work": work,
        "seeds": seeds,
        "width": BY_NAME[work].config["net_arch"][0],
        "jobs": len(cores),
        "steps_per_second": statistics.median(sum(t["steps"] / t["wall"] for t in turns) for turns in rounds),
        "cpu_microseconds": statistics.median(sum(t["cpu"] for t in r) / sum(t["steps"] for t in r) for r in rounds)
        * 1e6,
        "peak_bytes": sum(max(t["peak_bytes"] for t in turns) for turns in zip(*rounds)),
    }


def markdown(rows: Sequence[dict[str, Any]]) -> str:
    lines = [
        "| study | work | seeds | width | jobs | seed-steps a second | µs of processor time a seed-step | memory, MB |",
        "|---|---|--:|--:|--:|--:|--:|--:|",
    ]
    for r in rows:
        lines.append(
            f"| {r['study']} | {r['work']} | {r['seeds']} | {r['width']} | {r['jobs']} | {r['steps_per_second']:,.0f} "
            f"| {r['cpu_microseconds']:,.1f} | {r['peak_bytes'] / 1e6:,.0f} |"
        )
    return "\n".join(lines) + "\n"


def draw(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """Draw speed by stack size, and by width for one seed and ten."""
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "rlbench", "font.family": "DejaVu Sans"}):
        figure, (left, right) = mpl.pyplot.subplots(1, 2, figsize=(9.5, 3.6), layout="constrained")
        for axes, study, x, style in ((left, "stacks", "seeds", None), (right, "widths", "width", "seeds")):
            chosen = [r for r in rows if r["study"] == study]
            columns = {name: [r[name] for r in chosen] for name in ("work", "seeds", "width", "steps_per_second")}
            sns.lineplot(
                columns, x=x, y="steps_per_second", hue="work", style=style, markers=True, ax=axes, errorbar=None
            )
            axes.set(xscale="log", yscale="log", ylabel="seed-steps a second")
            axes.set_xticks(sorted(set(columns[x])), [str(value) for value in sorted(set(columns[x]))])
            axes.set_xticks([], minor=True)  # their labels would overlap the others
            axes.grid(alpha=0.25, linewidth=0.6)
            axes.legend(fontsize=7)
        left.set_xlabel("seeds trained together")
        right.set_xlabel("units of each hidden layer")
        figure.savefig(path, metadata={"Date": None})
        mpl.pyplot.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=2.0, help="of a turn, at least")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("build/growth"))
    given = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [0]
    plan = Plan(given.rounds, given.seconds, cores[-1], cores[-1:])
    rows = alone(stacks(), plan, "stacks") + alone(widths(), plan, "widths")
    for work in (PPO, DQN):
        rows += [together(work, 10, cores[:jobs], plan) for jobs in (1, 2) if jobs <= len(cores)]
    given.out.mkdir(parents=True, exist_ok=True)
    about = {"commit": commit(Path(__file__).resolve()), "hardware": hardware(), "versions": dict(versions())}
    (given.out / "growth.json").write_text(json.dumps({**about, "rows": rows}, indent=1) + "\n")
    (given.out / "growth.md").write_text(markdown(rows))
    draw(rows, given.out / "growth.svg")
    print(markdown(rows), end="")


if __name__ == "__main__":
    main()
