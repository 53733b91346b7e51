"""A dummy whose processes step metered environments of one run, as an asynchronous actor-critic would."""

import multiprocessing
import os
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import BrokenBarrierError

import numpy as np

from rlbench import Algorithm, BudgetExceeded
from rlbench.api import Diverged, EnvironmentFault


@dataclass(frozen=True)
class Config:
    workers: int = 2
    crash: str = ""
    env: str = ""


def worker(env, rank, crash, dimensions, together):
    env.reset()
    steps = 0
    together.wait(120)  # or the first to be there spends the budget alone
    try:
        while not env.finished:
            action = np.zeros(dimensions, np.float32) if dimensions else 0
            _, _, terminated, truncated, _ = env.step(action)
            steps += 1
            if steps == 14:
                with suppress(
                    BrokenBarrierError
                ):  # on a busy machine one may take the whole budget before the other's turn
                    together.wait(120)
            if rank == 1 and steps == 20:
                if crash == "raise":
                    raise ValueError("a worker's own mistake")
                if crash == "kill":
                    os.kill(os.getpid(), signal.SIGKILL)
            if terminated or truncated:
                env.reset()
    except BudgetExceeded:
        pass
    finally:
        together.abort()  # nobody waits for a process that has ended


def alternate(envs):
    """Step several environments in turn until the budget is spent."""
    for env in envs:
        env.reset()
    while not envs[0].finished:
        for env in envs:
            try:
                _, _, terminated, truncated, _ = env.step(0)
            except BudgetExceeded:
                return
            if terminated or truncated:
                env.reset()


def for_ever(env):
    """Step until something stops it."""
    env.reset()
    steps = 0
    while True:
        steps += 1
        if steps == 100 and "HOGWILD_MARKS" in os.environ:
            Path(os.environ["HOGWILD_MARKS"], str(os.getpid())).touch()
        _, _, terminated, truncated, _ = env.step(0)
        if terminated or truncated:
            env.reset()


def reach_the_limit(env, waits):
    """Step until the budget is spent. waits: set when the first wait at a limit has been sent."""
    send = env._boundary._send

    def report(message):
        send(message)
        if message["kind"] == "waiting":
            waits.set()

    env._boundary._send = report
    with suppress(BudgetExceeded):
        for_ever(env)


def fail_late(env, arrived, waits, how):
    """Fail while the other process waits at the limit: by an action that is not finite, or by the environment."""
    env.reset()
    arrived.set()
    assert waits.wait(120)
    with suppress(Diverged, EnvironmentFault):
        if how == "diverges":
            env.step(np.full(1, np.nan))
        else:
            raise env._failed("its step failed")


class Hogwild(Algorithm):
    """Starts processes, gives each an environment, attends them."""

    Config = Config

    def train(self, interaction):
        context = multiprocessing.get_context("spawn")
        dimensions = sum(self.task.action_space.shape) if self.task.action_space.shape else 0
        together = context.Barrier(self.config.workers)
        self.processes = [
            context.Process(
                target=worker, args=(interaction.make_env(0, rank), rank, self.config.crash, dimensions, together)
            )
            for rank in range(self.config.workers)
        ]
        for process in self.processes:
            process.start()
        interaction.attend(self.processes)

    def act(self, obs):
        self.evaluated_at = time.monotonic()
        shape = self.task.action_space.shape
        return np.zeros((*obs.shape[:2], *shape), np.float32 if shape else np.int64)
