"""The side of the built-in algorithms: a group trained as in a worker, without evaluation and command line."""

from __future__ import annotations

import warnings

import torch

from benchmarks.speed.tasks import task_of
from benchmarks.speed.turnstile import Turnstile
from benchmarks.speed.works import Side, Work
from rlbench.api import RunGroup
from rlbench.plugins import load_plugins
from rlbench.runtime.live_group import LiveGroup
from rlbench.runtime.record_sink import MemorySink

ENDLESS = 1 << 40  # a budget that no turn reaches; no schedule depends on it


def play(side: Side, work: Work, turnstile: Turnstile) -> None:
    """Train until the process ends. The turnstile is passed at the algorithm's checkpoints."""
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    plugins = load_plugins()
    algorithm = plugins.algorithm(work.algorithm).load()
    task = task_of(work, ENDLESS, side.backend)
    group = RunGroup(work.algorithm, {}, task, tuple(range(side.seeds)), compile=side.compiled)
    live = LiveGroup(group, algorithm, algorithm.Config(**work.config), plugins.backend(side.backend), MemorySink())
    interaction = live.interaction
    interaction.save = lambda: turnstile.passed(interaction.steps * side.seeds)
    interaction.save_every = 1
    interaction.schedule_save()
    live.run()
