"""Measure the boundary: microseconds of one `Interaction.step` beyond the environments' own steps and resets.

    .venv/bin/python benchmarks/boundary.py [--json]
    .venv/bin/python benchmarks/boundary.py --backend envpool [--json]

Both sides play the same actions in CartPole-v1 without evaluation, alternating within one run. Each figure is the
median over the turns. The allowance is 20 µs per call plus 2 µs per environment.

--backend: measure a whole `Interaction.step` on another backend and on Gymnasium instead, for several tasks, in
processor time (including EnvPool's own thread) and in wall time (which needs a machine with a free core).
"""

from __future__ import annotations

import argparse
import json
import statistics
import time

import numpy as np

from rlbench.api import Task
from rlbench.envs.gymnasium_backend import make_env
from rlbench.plugins import load_plugins
from rlbench.runtime.live_interaction import LiveInteraction
from rlbench.runtime.record_sink import MemorySink
from rlbench.runtime.scheduled_evaluation import EvaluationRunner
from rlbench.runtime.training_clock import TrainingClock
from rlbench.seeding import EpisodeSeeds, SeedStreams

TURNS = 15
STEPS_A_TURN = 4000
TASKS = ("CartPole-v1", "Acrobot-v1", "MountainCarContinuous-v0", "HalfCheetah-v5")
SHAPES = ((1, 1), (10, 1), (1, 8), (10, 8))


class Bare:
    """The environments alone, stepped and reset as fast as Python can."""

    def __init__(self, lanes: int) -> None:
        self.envs = [make_env(Task("CartPole-v1", 1)) for _ in range(lanes)]
        self.seeds = EpisodeSeeds(SeedStreams([0]).sequence("bare", 0), "training")
        self.episode = 0
        for env in self.envs:
            self._reset(env)

    def _reset(self, env) -> None:
        self.episode += 1
        env.reset(seed=self.seeds[self.episode])

    def turn(self, actions: np.ndarray) -> float:
        rows = [row.ravel().tolist() for row in actions]
        began = time.perf_counter()
        for row in rows:
            for env, action in zip(self.envs, row):
                _, _, terminated, truncated, _ = env.step(action)
                if terminated or truncated:
                    self._reset(env)
        return time.perf_counter() - began


class Metered:
    """The same environments behind the boundary."""

    def __init__(self, seeds: int, num_envs: int, env_id: str = "CartPole-v1", backend: str = "gymnasium") -> None:
        task, streams, sink = Task(env_id, 1 << 60, backend=backend), SeedStreams(range(seeds)), MemorySink()
        evaluations = EvaluationRunner(
            task.evaluation, streams.seeds, lambda lanes: None, TrainingClock(), sink, lambda kind, step, returns: None
        )
        self.interaction = LiveInteraction(
            task, load_plugins().backend(backend), streams, num_envs, evaluations, sink, lambda: None
        )
        self.interaction.reset()
        self.space = self.interaction.open_batch()._envs.action_space

    def turn(self, actions: np.ndarray) -> float:
        step = self.interaction.step
        began = time.perf_counter()
        for row in actions:
            step(row)
        return time.perf_counter() - began


def measure(seeds: int, num_envs: int) -> dict[str, float]:
    lanes = seeds * num_envs
    calls = max(50, STEPS_A_TURN // lanes)
    actions = SeedStreams([0]).integers("actions", 2, calls, lanes)[0].reshape(calls, seeds, num_envs)
    bare, metered = Bare(lanes), Metered(seeds, num_envs)
    differences, own = [], []
    for turn in range(TURNS + 1):
        b, m = bare.turn(actions), metered.turn(actions)
        if turn:  # the first warms up
            differences.append((m - b) / calls * 1e6)
            own.append(b / calls * 1e6)
    return {
        "seeds": seeds,
        "num_envs": num_envs,
        "environments_us": statistics.median(own),
        "boundary_us": statistics.median(differences),
        "allowed_us": 20 + 2 * lanes,
    }


def compare(env_id: str, seeds: int, num_envs: int, backend: str) -> dict[str, float]:
    """Measure microseconds of one `Interaction.step` on Gymnasium and on `backend`, in turns."""
    calls = max(30, STEPS_A_TURN // (4 * seeds * num_envs))
    names = ("gymnasium", backend)
    sides = {name: Metered(seeds, num_envs, env_id, name) for name in names}
    actions = SeedStreams([0]).sample("actions", sides[backend].space, (1, calls, seeds, num_envs))[0]
    cost: dict[str, list[float]] = {f"{name}_{clock}_us": [] for name in names for clock in ("cpu", "wall")}
    for turn in range(TURNS + 1):
        for name, side in sides.items():
            began = time.process_time()
            wall = side.turn(actions)
            if turn:
                cost[f"{name}_cpu_us"].append((time.process_time() - began) / calls * 1e6)
                cost[f"{name}_wall_us"].append(wall / calls * 1e6)
    row = {name: statistics.median(values) for name, values in cost.items()}
    ratios = {f"{c}_ratio": row[f"gymnasium_{c}_us"] / row[f"{backend}_{c}_us"] for c in ("cpu", "wall")}
    return {"task": env_id, "seeds": seeds, "num_envs": num_envs, **row, **ratios}


def show_comparison(rows: list[dict[str, float]], backend: str) -> None:
    heads = [f"{name} {clock}" for clock in ("cpu", "wall") for name in ("gymnasium", backend, "ratio")]
    print(f"{'task':<26} {'S':>3} {'N':>3} " + " ".join(f"{head:>14}" for head in heads) + "   (µs a call)")
    for r in rows:
        keys = [key for c in ("cpu", "wall") for key in (f"gymnasium_{c}_us", f"{backend}_{c}_us", f"{c}_ratio")]
        print(f"{r['task']:<26} {r['seeds']:>3} {r['num_envs']:>3} " + " ".join(f"{r[key]:>14.2f}" for key in keys))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="one JSON document instead of a table")
    parser.add_argument("--backend", help="compare a whole step on it with one on gymnasium")
    arguments = parser.parse_args()
    if arguments.backend:
        rows = [compare(env_id, *shape, arguments.backend) for env_id in TASKS for shape in SHAPES]
    else:
        rows = [measure(*shape) for shape in SHAPES]
    if arguments.json:
        print(json.dumps(rows, indent=1))
        return
    if arguments.backend:
        show_comparison(rows, arguments.backend)
        return
    print(f"{'S':>3} {'N':>3} {'environments':>13} {'boundary':>9} {'allowed':>8}   (µs a call)")
    for row in rows:
        print(
            f"{row['seeds']:>3} {row['num_envs']:>3} {row['environments_us']:>13.1f} {row['boundary_us']:>9.1f} "
            f"{row['allowed_us']:>8.0f}"
        )


if __name__ == "__main__":
    main()
