"""An algorithm that waits in the middle of a run until there is a file `go`: what is interrupted then has begun."""

import json
import threading
from pathlib import Path

PLUGIN = """
import time
from pathlib import Path
from rlbench import Algorithm, AlgorithmSpec, Supports, hookimpl

class Waits(Algorithm):
    def act(self, obs): return (obs[..., 2] > 0).astype(int)
    def train(self, interaction):
        interaction.reset()
        while not interaction.finished:
            interaction.checkpoint()
            if interaction.steps < 100 or Path("go").exists():
                interaction.step(self.act(interaction.obs))
            else:
                Path("waits").touch()
                time.sleep(0.02)

@hookimpl
def rlbench_algorithms():
    return [AlgorithmSpec("waits", Waits, Supports(discrete=True))]
"""
SUITE = """
name: small
algorithms: [waits]
environments: [{id: CartPole-v1, steps: 200}]
seeds: 2
evaluation: {every: 100, episodes: 2, final_episodes: 3}
checkpoint_every: 20
"""
TWO = "[{id: CartPole-v1, steps: 200}, {id: CartPole-v1, label: shorter, steps: 180}]"
SUITE_OF_TWO = SUITE.replace("[waits]", "[random, waits]").replace("[{id: CartPole-v1, steps: 200}]", TWO)


def when(condition, action):
    """Do `action` in another thread as soon as `condition()` is true, for at most five minutes."""
    ended = threading.Event()

    def watch():
        for _ in range(6000):
            if condition():
                action()
                return
            ended.wait(0.05)

    threading.Thread(target=watch, daemon=True).start()


def both_wait():
    """Return whether two groups wait in the middle of their runs, in the result folder `out`."""
    beats = [path.read_text() for path in Path("out/attempts").glob("waits*/heartbeat")]
    return sum(json.loads(text)["step"] >= 100 for text in beats if text) >= 2


def restores():
    """Return for each attempt whether it resumed from a checkpoint, sorted."""
    return sorted(bool(json.loads(p.read_text())["restore"]) for p in Path("out/attempts").glob("waits*/group.json"))
