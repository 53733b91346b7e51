"""Parts for learners whose processes update one set of parameters in shared memory without a lock.

An update is a few in-place operations on whole rows. Another process may come between two of them, or two may write one
number at once, so that a contribution is lost now and then: such runs converge, and cannot be repeated bit for bit.
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
    """A copy in memory that a process started with "spawn" shares when it is given the tensor as an argument."""
    return values.detach().cpu().clone().share_memory_()


class SharedRMSprop:
    """RMSprop whose average of squared gradients is the processes' common one ("Shared RMSProp"):

    g ← α g + (1 − α) Δ², θ ← θ − η Δ / √(g + ε). square: g in shared memory, shaped like the parameters.
    """

    def __init__(self, square: Tensor, alpha: float, eps: float) -> None:
        self.square, self._alpha, self._eps = square, alpha, eps

    def apply(self, params: Tensor, grad: Tensor, lr: float) -> None:
        """Update shared `params` in place by the gradient of one process."""
        self.square.mul_(self._alpha).addcmul_(grad, grad, value=1 - self._alpha)
        params.addcdiv_(grad, (self.square + self._eps).sqrt_(), value=-lr)


def run_workers(interaction: Interaction, count: int, target: Callable[..., None], *arguments: Any) -> None:
    """Run `target(env, rank, *arguments)` in `count` processes, each with an environment of its own, until all end.

    They begin together, when the last one has been started. BudgetExceeded, Stopped and Diverged may leave `target`.
    Raises: WorkerFailed as soon as one of them fails; none is left behind, however this call ends.
    """
    context, started = multiprocessing.get_context("spawn"), shared(torch.zeros(count, dtype=torch.bool))
    processes: list[BaseProcess] = []
    try:
        for rank in range(count):
            given = (target, started, interaction.make_env(0, rank), rank, arguments)
            process: BaseProcess = context.Process(target=_enter, args=given, name=f"worker-{rank}", daemon=True)
            process.start()
            processes.append(process)
        interaction.attend(processes)
    finally:
        for process in processes:
            process.kill()  # nothing happens to those that have ended
            process.join()


def _enter(target: Callable[..., None], started: Tensor, env: Any, rank: int, arguments: tuple[Any, ...]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to every process: the run's own one decides
    torch.set_num_threads(1)
    gc.freeze()  # as in the run's own process: torch stays, and is not looked through again, least of all at the end
    started[rank] = True
    while not started.all():
        time.sleep(0.01)
    try:
        target(env, rank, *arguments)
    except (BudgetExceeded, Stopped, Diverged):
        return  # the boundary has told the run's own process
