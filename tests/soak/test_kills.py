"""A harness that is killed at random instants, again and again: the tables become those of an undisturbed run.

Five kills of each kind of suite here; fifty with --soak.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from support.cli import rlbench
from support.ended_processes import descendants, wait_for_all
from support.published_runs import published, results

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="needs Linux"),
    pytest.mark.long,
    pytest.mark.timeout(3600),
]

DQN = "{id: dqn, params: {net_arch: [32, 32], learning_starts: 100, train_freq: 2, target_update_interval: 50, buffer_size: 700}}"
PPO = "{id: ppo, params: {n_envs: 4, n_steps: 32, batch_size: 64, n_epochs: 2}}"
FOREIGN = "{id: sb3/ppo, params: {n_steps: 256, batch_size: 64}}"
SUITE = """
name: killed
algorithms: [random, {algorithms}]
environments: [{{id: CartPole-v1, steps: 2048}}]
seeds: [3, 8]
evaluation: {{every: 256, episodes: 2, final_episodes: 3}}
checkpoint_every: 200
{more}
"""
KINDS = {
    "stacked": (SUITE.format(algorithms=f"{DQN}, {PPO}", more=""), ()),
    "compiled": (SUITE.format(algorithms=PPO, more="compile: true"), ()),
    "foreign": (SUITE.format(algorithms=FOREIGN, more=""), ()),
    "adaptive": (SUITE.format(algorithms=PPO, more=""), ("--until-decided", "--group-size", "3", "--looks", "2")),
}


def command(suite: Path, folder: Path, options: tuple[str, ...]) -> list[str]:
    return [sys.executable, "-m", "rlbench.cli.main", "run", str(suite), "-o", str(folder), "--json", *options]


def killed_after(seconds: float, arguments: list[str]) -> tuple[bool, list[int]]:
    """Start a harness and kill it after so many seconds.

    Returns: whether it had ended before, and for each of its descendants a descriptor that is ready once it has ended.
    """
    with subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as harness:
        try:
            errors = harness.communicate(timeout=seconds)[1]
        except subprocess.TimeoutExpired:
            family = descendants(harness.pid)
            harness.kill()
            return False, family
    assert harness.returncode == 0, errors.decode()
    return True, []


@pytest.mark.parametrize("kind", KINDS)
def test_kills_at_random_instants_change_no_number_leave_no_process_and_repeat_no_run(kind, tmp_path, amount):
    text, options = KINDS[kind]
    (suite := tmp_path / "suite.yaml").write_text(text)
    began = time.monotonic()
    assert killed_after(900, command(suite, tmp_path / "whole", options))[0]
    longest, draws = time.monotonic() - began, np.random.default_rng(len(kind))
    kills, slowest, folders = amount(5, 50), 0.0, 0
    while kills > 0:
        folder, finished, has_ended = tmp_path / f"killed-{folders}", {}, False
        folders += 1
        while not has_ended:
            instant = draws.uniform(0, longest) if kills > 0 else 900
            has_ended, family = killed_after(instant, command(suite, folder, options))
            kills -= not has_ended
            slowest = max(slowest, wait_for_all(family))
            now = {result["key"]: result for result in results(folder)}
            assert all(now[key] == finished[key] for key in finished)
            finished = now
        assert rlbench("table", folder, "--json") == rlbench("table", tmp_path / "whole", "--json")
        assert published(folder) == published(tmp_path / "whole")
    print(f"{kind}: {folders} folders finished; the last process ended {slowest:.2f} s after its harness at most")
