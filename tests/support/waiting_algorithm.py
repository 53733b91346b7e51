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
# The module `faulty`: an environment that raises in step 50, once in this folder, so that one of several seeds fails.
FAULTY = """
import gymnasium, numpy as np
from pathlib import Path

class Faulty(gymnasium.Env):
    observation_space, action_space = gymnasium.spaces.Box(-9, 9, (4,), np.float32), gymnasium.spaces.Discrete(2)
    steps = 0

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return np.ones(4, np.float32), {}

    def step(self, action):
        self.steps += 1
        if self.steps == 50 and not Path("spoilt").exists():  # the first of two seeds fails
            Path("spoilt").touch()
            raise RuntimeError("physics exploded")
        return np.ones(4, np.float32), 1.0, False, self.steps % 20 == 0, {}

gymnasium.register("Faulty-v0", entry_point="faulty:Faulty")
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
