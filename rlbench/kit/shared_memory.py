"""Building blocks for learners whose processes update one set of parameters in shared memory, without a lock.

An update is a few in-place operations on whole rows. Another process may run between two operations, or two processes
may write one number at the same time. So a contribution is sometimes lost. Such runs converge, but they are not
repeatable bit for bit.
Sources: Recht et al. 2011 (Hogwild), arXiv:1106.5730; Mnih et al. 2016, arXiv:1602.01783, section 4 and supplement 8.
"""

from __future__ import annotations

import gc
import multiprocessing
import signal
import time
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from typing import Any

import torch
from torch import Tensor

from rlbench.api import BudgetExceeded, Diverged, Interaction, Stopped


def shared(values: Tensor) -> Tensor:
    """Return a copy in shared memory. To share it with a "spawn" process, pass the tensor as an argument."""
    copy: Tensor = values.detach().cpu().clone().share_memory_()
    return copy


class SharedRMSprop:
    """RMSprop whose average of squared gradients is shared by all processes ("Shared RMSProp").

    g ← α g + (1 − α) Δ², θ ← θ − η Δ / √(g + ε). square: g in shared memory, with the shape of the parameters.
    """

    def __init__(self, square: Tensor, alpha: float, eps: float) -> None:
        self.square, self._alpha, self._eps = square, alpha, eps

    def apply(self, params: Tensor, grad: Tensor, lr: float) -> None:
        """Update shared `params` in place by the gradient of one process."""
        self.square.mul_(self._alpha).addcmul_(grad, grad, value=1 - self._alpha)
        params.addcdiv_(grad, (self.square + self._eps).sqrt_(), value=-lr)


def run_workers(interaction: Interaction, count: int, target: Callable[..., None], *arguments: Any) -> None:
    """Run `target(env, rank, *arguments)` in `count` processes, each with its own environment, until all have ended.

    All processes call `target` at the same time, as soon as the last process has started. `target` may end with
    BudgetExceeded, Stopped or Diverged. However this call ends, all processes have ended then. Raises: WorkerFailed as
    soon as a process fails.
    """
    context, started = multiprocessing.get_context("spawn"), shared(torch.zeros(count, dtype=torch.bool))
    processes: list[BaseProcess] = []
    try:
        for rank in range(count):
            worker_args = (target, started, interaction.make_env(0, rank), rank, arguments)
            process: BaseProcess = context.Process(target=_enter, args=worker_args, name=f"worker-{rank}", daemon=True)
            process.start()
            processes.append(process)
        interaction.attend(processes)
    finally:
        for process in processes:
            process.kill()  # has no effect on a process that has ended
            process.join()


def _enter(target: Callable[..., None], started: Tensor, env: Any, rank: int, arguments: tuple[Any, ...]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends Ctrl-C to every process; only the main one reacts
    torch.set_num_threads(1)
    gc.freeze()  # as in the main process: torch's objects stay alive, so the collector can skip them
    started[rank] = True
    while not started.all():
        time.sleep(0.01)
    try:
        target(env, rank, *arguments)
    except (BudgetExceeded, Stopped, Diverged):
        return  # the boundary has informed the main process
