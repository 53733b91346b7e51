"""Adam, gradient clipping and target networks per seed, over flat parameter rows [S, P].

The row of an inactive seed keeps its bits: it is not written, or its old numbers are written again. Multiplying its
update by zero would not be enough, because 0 · NaN is NaN. Source: Kingma & Ba 2015, arXiv:1412.6980.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rlbench.api import Array
from rlbench.kit.denormals import without_denormals
from rlbench.kit.kernel_choice import watched


@watched
def norm_of(grads: Sequence[Tensor]) -> Tensor:
    """Return the Euclidean norm of each seed's gradient over all tensors [S, P]."""
    squares = [(g * g).sum(-1) for g in grads]
    return sum(squares[1:], squares[0]).sqrt()  # [S]


@watched
def clip(grads: Sequence[Tensor], max_norm: float | Tensor, norm: Tensor | None = None) -> list[Tensor]:
    """Scale the gradient of each seed over all tensors [S, P] to a Euclidean norm of at most max_norm, in place.

    max_norm: one number, or one number for each seed [S]. norm: `norm_of(grads)`, if it is known.
    """
    norm = norm_of(grads) if norm is None else norm
    # torch divides a number by a tensor in this way. Dividing a tensor by a tensor would give other last bits.
    scale = ((norm + 1e-6).reciprocal() * max_norm).clamp(max=1.0).unsqueeze(1)
    return [g.mul_(scale) for g in grads]


def all_active(active: Tensor) -> bool:
    """Return whether all seeds are known to be active.

    On an accelerator, return False without a check, because a check would force a device synchronisation.
    """
    return active.device.type == "cpu" and bool(active.all())


@watched
@without_denormals
def polyak(target: Tensor, online: Tensor, share: float, active: Tensor) -> None:
    """Move the target's rows [S, P] by a share of the way to the online rows, for the seeds in `active` [S] bool.

    A share of 1 copies the online rows.
    """
    if not all_active(active):
        moved = online if share == 1 else target.lerp(online, share)
        target.copy_(torch.where(active.unsqueeze(1), moved, target))
    elif share == 1:
        target.copy_(online)
    else:
        target.lerp_(online, share)


Rate = float | Array
"""A step size: one number, or one number for each seed [S]."""


def rate_of(lr: Rate) -> float | NDArray[np.float64]:
    return float(lr) if np.ndim(lr) == 0 else np.asarray(lr, np.float64)


def as_column(lr: float | NDArray[np.float64], device: torch.device) -> float | Tensor:
    """Return one step size unchanged, or the step sizes of all seeds as a float32 tensor [S, 1]."""
    return lr if isinstance(lr, float) else torch.from_numpy(lr.astype(np.float32)).to(device).unsqueeze(1)


class Adam:
    """Adam for several parameter tensors [S, P] of the same seeds. Steps are counted per seed.

    Adam is not part of compiled graphs: torch's own kernel reads memory once, inductor's kernels read it several times.
    """

    def __init__(
        self, params: Sequence[Tensor], lr: Rate, eps: float = 1e-8, betas: tuple[float, float] = (0.9, 0.999)
    ) -> None:
        self.mean = [torch.zeros_like(p) for p in params]
        self.square = [torch.zeros_like(p) for p in params]
        self.step = torch.zeros(params[0].shape[0], device=params[0].device)  # [S]
        self._eps, self._betas = eps, betas
        self._rows: tuple[Sequence[Tensor], list[list[Tensor]]] | None = None
        self._in_step = True  # whether every seed has made the same number of steps
        self.set_lr(lr)

    def set_lr(self, lr: Rate) -> None:
        self.lr = rate_of(lr)

    def apply(self, params: Sequence[Tensor], grads: Sequence[Tensor], active: Tensor) -> None:
        """Update `params` in place by `grads`, for the seeds in `active` [S] bool."""
        self.step.add_(active)
        if active.device.type != "cpu":
            self._written_out(params, grads, active)
        elif self._in_step and isinstance(self.lr, float) and bool(active.all()):
            self._fused(list(params), list(grads), self.lr, self.mean, self.square, [self.step[:1]] * len(params))
        else:
            self._in_step = self._in_step and bool(active.all())
            self._row_by_row(params, grads, active)

    @watched
    @without_denormals
    def _fused(
        self, p: list[Tensor], g: list[Tensor], lr: float, m: list[Tensor], v: list[Tensor], step: list[Tensor]
    ) -> None:
        """Update all rows with one kernel call.

        The length of a row is a multiple of a vector register, so each register contains elements of one row only.
        """
        beta1, beta2 = self._betas
        torch._fused_adam_(  # what torch.optim.Adam(fused=True) calls, without its overhead
            p, g, m, v, [], step, lr=lr, beta1=beta1, beta2=beta2, weight_decay=0.0, eps=self._eps,
            amsgrad=False, maximize=False,
        )  # fmt: skip

    def _row_by_row(self, params: Sequence[Tensor], grads: Sequence[Tensor], active: Tensor) -> None:
        """Update the active seeds' rows as separate tensors.

        This is needed if a seed is inactive, or if seeds may differ in their step counts or step sizes.
        """
        if self._rows is None or any(p is not q for p, q in zip(self._rows[0], params)):
            lists = (params, self.mean, self.square, [self.step] * len(params))
            self._rows = list(params), [[row for t in tensors for row in t.unbind(0)] for tensors in lists]
        p, m, v, step = self._rows[1]
        g = [row for grad in grads for row in grad.unbind(0)]
        for lr, chosen in self._rates(active, len(grads)).items():
            own_p, own_g, *rest = ([rows[i] for i in chosen] for rows in (p, g, m, v, step))
            self._fused(own_p, own_g, lr, *rest)

    def _rates(self, active: Tensor, tensors: int) -> dict[float, list[int]]:
        """Return for each step size the indices of its active seeds' rows in the list of all tensors' rows."""
        places = active.repeat(tensors).nonzero()[:, 0].tolist()
        if isinstance(self.lr, float):
            return {self.lr: places} if places else {}
        rows: dict[float, list[int]] = {}
        each = self.lr.tolist()
        for i in places:
            rows.setdefault(each[i % len(each)], []).append(i)
        return rows

    def _written_out(self, params: Sequence[Tensor], grads: Sequence[Tensor], active: Tensor) -> None:
        """Update on an accelerator. The host does not read which seeds are active, so it never waits for the device."""
        beta1, beta2 = self._betas
        on, lr = active.unsqueeze(1), as_column(self.lr, active.device)
        rate = (1 - beta1**self.step).unsqueeze(1).reciprocal() * lr  # as torch divides a number by a tensor
        correction2 = (1 - beta2**self.step).sqrt().unsqueeze(1)
        for p, g, m, v in zip(params, grads, self.mean, self.square):
            mean, square = m.lerp(g, 1 - beta1), v.mul(beta2).addcmul(g, g, value=1 - beta2)
            updated = p - rate * mean / (square.sqrt() / correction2 + self._eps)
            for old, new in ((m, mean), (v, square), (p, updated)):
                old.copy_(torch.where(on, new, old))

    def state(self) -> dict[str, Tensor]:
        tensors = {"step": self.step}
        for i, (mean, square) in enumerate(zip(self.mean, self.square)):
            tensors |= {f"mean.{i}": mean, f"square.{i}": square}
        return tensors

    def load_state(self, state: dict[str, Tensor]) -> None:
        for name, old in self.state().items():
            old.copy_(state[name])
        self._in_step = all_active(self.step == self.step[0])
