"""The hook `rlbench_recorded`: an observer gets every metric and every episode once, also over an interruption."""

import json

import pytest
from support.cli import rlbench as command

import rlbench

WATCH = """
import json
from rlbench import hookimpl

def say(**what):
    with open({heard!r}, "a") as log:
        log.write(json.dumps(what) + "\\n")

@hookimpl
def rlbench_suite_started(folder):
    say(folder=str(folder))

@hookimpl
def rlbench_recorded(group, metrics, episodes):
    say(label=group.label, metrics=[m._asdict() for m in metrics], episodes=[e._asdict() for e in episodes])
"""
SUITE = """
name: small
algorithms: [random, {id: dqn, params: {learning_starts: 20, batch_size: 8, net_arch: [8]}}]
environments: [{id: CartPole-v1, steps: 240}]
seeds: 2
checkpoint_every: 80
evaluation: {every: 40, episodes: 1, final_episodes: 1}
"""


@pytest.fixture
def files(tmp_path):
    (tmp_path / "watch.py").write_text(WATCH.format(heard=str(tmp_path / "heard")))
    (tmp_path / "s.yaml").write_text(SUITE)
    return tmp_path


def heard(folder):
    return [json.loads(line) for line in (folder / "heard").read_text().splitlines()]


def gathered(batches, label, what):
    return [entry for batch in batches if batch.get("label") == label for entry in batch[what]]


def test_every_record_is_passed_on_once_in_batches(files):
    ran = command("run", files / "s.yaml", "-o", files / "out", "--plugin", files / "watch.py")
    assert ran.returncode == 0, ran.stderr
    first, *batches = heard(files)
    assert first == {"folder": str(files / "out")}
    assert 3 <= sum(batch["label"] == "dqn" for batch in batches) <= 8  # six evaluations, the final one and the end
    metrics, episodes = rlbench.load(files / "out").metrics(), rlbench.load(files / "out").episodes()
    for label in ("random", "dqn"):
        table = metrics[metrics.algorithm == label]
        assert sorted(tuple(m.values()) for m in gathered(batches, label, "metrics")) == sorted(
            zip(table.seed, table.step, table.name, table.value)
        )
        table = episodes[episodes.algorithm == label]
        ended = [(e["seed"], e["step"], e["return_"], e["length"]) for e in gathered(batches, label, "episodes")]
        assert sorted(ended) == sorted(zip(table.seed, table.step, table["return"], table.length))


def test_a_resumed_group_does_not_repeat_what_it_took_over(files):
    run = ("run", files / "s.yaml", "-o", files / "out", "--plugin", files / "watch.py", "-a", "dqn", "--retries", "0")
    assert command(*run, RLBENCH_FAIL_AT="evaluated:4").returncode == 1  # killed at step 160
    seen = len(heard(files))
    again = command(*run)
    assert again.returncode == 0 and "from step" in again.stderr, again.stderr
    later = gathered(heard(files)[seen:], "dqn", "metrics")
    resumed_from = int(again.stderr.partition("from step ")[2].split(",")[0])
    assert later and min(entry["step"] for entry in later) > resumed_from >= 80
    assert max(entry["step"] for entry in later) == 240
