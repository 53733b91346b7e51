"""What the boundary costs: microseconds of one `Interaction.step` beyond the environments' own steps and resets.

    .venv/bin/python benchmarks/boundary.py [--json]

Both sides play the same actions in CartPole-v1 with evaluation off, in turns within one run; each figure is the median
over the turns. The allowance is 20 µs a call and 2 µs an environment.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time

import numpy as np

from rlbench.api import Task
from rlbench.envs.gymnasium_backend import make_env, rlbench_env_backends
from rlbench.runtime.clock import TrainingClock
from rlbench.runtime.examine import Examiner
from rlbench.runtime.interaction import LiveInteraction
from rlbench.runtime.sink import MemorySink
from rlbench.seeding import EpisodeSeeds, SeedStreams

TURNS = 15
STEPS_A_TURN = 4000


class Bare:
    """The environments alone, stepped and reset as cheaply as Python can."""

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
    """The same through the boundary."""

    def __init__(self, seeds: int, num_envs: int) -> None:
        task, streams, sink = Task("CartPole-v1", 1 << 60), SeedStreams(range(seeds)), MemorySink()
        examiner = Examiner(
            task.evaluation, streams.seeds, lambda lanes: None, TrainingClock(), sink, lambda kind, step, returns: None
        )
        self.interaction = LiveInteraction(
            task, rlbench_env_backends()[0], streams, num_envs, examiner, sink, lambda: None
        )
        self.interaction.reset()

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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="one JSON document instead of a table")
    as_json = parser.parse_args().json
    rows = [measure(*shape) for shape in ((1, 1), (10, 1), (1, 8), (10, 8))]
    if as_json:
        print(json.dumps(rows, indent=1))
        return
    print(f"{'S':>3} {'N':>3} {'environments':>13} {'boundary':>9} {'allowed':>8}   (µs a call)")
    for row in rows:
        print(
            f"{row['seeds']:>3} {row['num_envs']:>3} {row['environments_us']:>13.1f} {row['boundary_us']:>9.1f} {row['allowed_us']:>8.0f}"
        )


if __name__ == "__main__":
    main()
