"""The machine's limit: the rate of float32 matrix products, and the time of the environments' own steps.

It takes turns like every side, so that its figures come from the same minutes as theirs.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from benchmarks.speed.tasks import task_of
from benchmarks.speed.turnstile import Turnstile
from benchmarks.speed.works import STACK, Side, Work
from rlbench.api import EnvBackendSpec, PluginError
from rlbench.plugins import load_plugins

# [lanes, m, k, n]; no lanes: mm, else bmm.
SHAPES = [(0, 64, 128, 128), (0, 256, 256, 256), (0, 512, 512, 512), (0, 1024, 1024, 1024)]
SHAPES += [(20, 64, 64, 64), (10, 64, 128, 128), (10, 256, 256, 256)]


def play(side: Side, work: Work, turnstile: Turnstile) -> None:
    """Measure the product rate and each backend's stepping at every turn."""
    torch.set_num_threads(1)
    steppers: dict[str, list[Stepper]] = {}
    plugins = load_plugins()
    for name in work.backends:
        try:
            backend = plugins.backend(name)
        except PluginError:
            continue  # the command reports it once
        steppers[name] = [Stepper(_batch(backend, work))]
        if name == "gymnasium":  # without the backend's batching, which is rlbench's
            steppers[name].append(Stepper(_bare(backend, work)))
    products = [_product(*shape) for shape in SHAPES]
    seconds = 0.5
    while True:
        rates = [rate(function, flops, seconds / 2 / len(products)) for function, flops in products]
        best = int(np.argmax(rates))
        share = seconds / 2 / sum(map(len, steppers.values()))
        env = {name: min(stepper.seconds(share) for stepper in both) for name, both in steppers.items()}
        seconds = turnstile.tell({"gflops": rates[best], "shape": SHAPES[best], "env_seconds": env})


def _product(lanes: int, m: int, k: int, n: int) -> tuple[Callable[[], Any], float]:
    lead = (lanes,) if lanes else ()
    a, b, out = torch.rand(*lead, m, k), torch.rand(*lead, k, n), torch.empty(*lead, m, n)
    product = torch.bmm if lanes else torch.mm
    return lambda: product(a, b, out=out), 2.0 * max(lanes, 1) * m * k * n


def rate(function: Callable[[], Any], flops: float, seconds: float) -> float:
    """Return the best GFLOP/s of single calls within `seconds`, because interruptions only make calls slower."""
    best, until = float("inf"), time.perf_counter() + seconds
    while True:
        began = time.perf_counter()
        function()
        ended = time.perf_counter()
        best = min(best, ended - began)
        if ended > until:
            return flops / best / 1e9


class Stepper:
    """Plays random actions. step: steps every lane and returns which are done; reset: resets one lane."""

    def __init__(self, made: tuple[Callable[[list[Any]], Any], Callable[[int], None], list[list[Any]]]) -> None:
        self._step, self._reset, self._actions = made
        for lane in range(len(self._actions[0])):
            self._reset(lane)

    def seconds(self, limit: float) -> float:
        """Return seconds per step of one environment without resets, the median over calls in `limit` seconds."""
        taken, until = [], time.perf_counter() + limit
        while time.perf_counter() < until:
            for actions in self._actions:
                began = time.perf_counter()
                done = self._step(actions)
                taken.append(time.perf_counter() - began)
                for lane in np.flatnonzero(done):
                    self._reset(int(lane))
        return float(np.median(taken)) / len(self._actions[0])


def _actions(space: Any, lanes: int) -> list[list[Any]]:
    space.seed(0)
    return [[space.sample() for _ in range(lanes)] for _ in range(64)]


def _batch(backend: EnvBackendSpec, work: Work) -> Any:
    lanes = STACK * work.num_envs
    envs, everyone = backend.make_batch(task_of(work), lanes), range(lanes)
    rows = _actions(envs.action_space, lanes)
    if type(envs.action_space).__name__ == "Discrete":
        rows = [[int(action) for action in row] for row in rows]

    def step(actions: list[Any]) -> Any:
        _, _, terminated, truncated = envs.step(everyone, actions)
        return terminated | truncated

    return step, lambda lane: envs.reset(lane, lane), rows


def _bare(backend: EnvBackendSpec, work: Work) -> Any:
    envs = [backend.make_env(task_of(work)) for _ in range(STACK * work.num_envs)]
    steps = [env.step for env in envs]
    rows = _actions(envs[0].action_space, len(envs))
    if type(envs[0].action_space).__name__ == "Discrete":
        rows = [[int(action) for action in row] for row in rows]

    def step(actions: list[Any]) -> Any:
        stepped = [step(action) for step, action in zip(steps, actions)]
        return [result[2] or result[3] for result in stepped]

    return step, lambda lane: envs[lane].reset(seed=lane), rows
