"""What stacking seeds gains, and what one seed alone costs against Stable-Baselines3: environment steps a second.

    taskset -c 0 .venv/bin/python benchmarks/stacking.py [--rounds 5] [--json]

CartPole-v1, evaluation off, one thread, uncompiled, equal hyperparameters. Ours alone, ours with ten seeds, and the
peer take turns within one run; ratios are formed round by round, and the median and the range of the rounds are given.
"""

from __future__ import annotations

import argparse
import json
import os

os.environ["OMP_NUM_THREADS"] = "1"
os.environ["MKL_CBWR"] = "AUTO,STRICT"

import statistics
import time
import warnings

import stable_baselines3
import torch
from rlbench_dqn.dqn import DQN
from rlbench_ppo.ppo import PPO
from stable_baselines3.common.env_util import make_vec_env

from rlbench.api import EvaluationProtocol, RunGroup, Task
from rlbench.envs.gymnasium_backend import rlbench_env_backends
from rlbench.runtime.group import LiveGroup
from rlbench.runtime.sink import MemorySink

STACK = 10
OURS = {
    "dqn": (DQN, DQN.Config(hidden=(128, 128), batch=64, warmup=64, target_every=10, lr=1e-3), 3000),
    "ppo": (
        PPO,
        PPO.Config(hidden=(64, 64), num_envs=8, horizon=256, batch=64, epochs=10, lr_schedule="constant"),
        6144,
    ),
}


def ours(name: str, seeds: int) -> float:
    """Environment steps a second, summed over the seeds."""
    algorithm, config, steps = OURS[name]
    group = RunGroup(name, {}, Task("CartPole-v1", steps, EvaluationProtocol(0, 1, 1)), tuple(range(seeds)))
    outcome = LiveGroup(group, algorithm, config, rlbench_env_backends()[0], MemorySink()).run()
    return seeds * steps / outcome.wall_seconds


def peer(name: str) -> float:
    """The same work in Stable-Baselines3."""
    steps = OURS[name][2]
    if name == "dqn":
        network = {"net_arch": [128, 128]}
        model = stable_baselines3.DQN(
            "MlpPolicy", "CartPole-v1", learning_rate=1e-3, buffer_size=100_000, learning_starts=64, batch_size=64, train_freq=1,
            gradient_steps=1, target_update_interval=10, policy_kwargs=network, device="cpu", seed=0,
        )  # fmt: skip
    else:
        envs, network = make_vec_env("CartPole-v1", 8, seed=0), {"net_arch": [64, 64]}
        model = stable_baselines3.PPO(
            "MlpPolicy", envs, n_steps=256, batch_size=64, n_epochs=10, policy_kwargs=network, device="cpu", seed=0
        )
    began = time.perf_counter()
    model.learn(steps)
    return steps / (time.perf_counter() - began)


def measure(name: str, rounds: int) -> dict[str, object]:
    alone, stacked, theirs = [], [], []
    for _ in range(rounds + 1):
        alone.append(ours(name, 1))
        theirs.append(peer(name))
        stacked.append(ours(name, STACK))
    alone, stacked, theirs = alone[1:], stacked[1:], theirs[1:]  # the first round warms up

    def ratio(a: list[float], b: list[float]) -> dict[str, float]:
        found = [x / y for x, y in zip(a, b)]
        return {"median": statistics.median(found), "low": min(found), "high": max(found)}

    return {
        "work": name,
        "steps_per_second": {
            k: statistics.median(v) for k, v in (("alone", alone), ("stacked", stacked), ("sb3", theirs))
        },
        "stacked_over_alone": ratio(stacked, alone),
        "alone_over_sb3": ratio(alone, theirs),
        "stacked_over_sb3": ratio(stacked, theirs),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true", help="one JSON document instead of a table")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore")
    rows = [measure(name, arguments.rounds) for name in OURS]
    if arguments.json:
        print(json.dumps(rows, indent=1))
        return
    for row in rows:
        print(row["work"], *(f"{k} {v:.0f}/s" for k, v in row["steps_per_second"].items()), sep="   ")
        for key in ("stacked_over_alone", "alone_over_sb3", "stacked_over_sb3"):
            print(f"    {key:<20} {row[key]['median']:.2f}   [{row[key]['low']:.2f}, {row[key]['high']:.2f}]")


if __name__ == "__main__":
    main()
