"""RMSProp per seed, over flat parameter rows [S, P], with the same interface as `Adam`.

It has no momentum and no centring. The row of an inactive seed keeps its bits.
Source: Tieleman & Hinton 2012, lecture 6.5; used by Mnih et al. 2016, arXiv:1602.01783.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from rlbench.kit.denormals import without_denormals
from rlbench.kit.kernel_choice import watched
from rlbench.kit.optimizers import Rate, all_active, rate_of


class RMSprop:
    """v ← αv + (1 − α)g², p ← p − lr·g/(√v + ε), for several parameter tensors [S, P] of the same seeds.

    eps_inside: use TensorFlow's form, p ← p − lr·g/√(v + ε) with v = 1 at the start, whose first steps are much
    smaller. If false, use PyTorch's form, with v = 0 at the start.
    """

    def __init__(
        self, params: Sequence[Tensor], lr: Rate, eps: float = 1e-5, alpha: float = 0.99, eps_inside: bool = False
    ) -> None:
        self.square = [torch.ones_like(p) if eps_inside else torch.zeros_like(p) for p in params]
        self._eps, self._alpha, self._inside = eps, alpha, eps_inside
        self.set_lr(lr)

    def set_lr(self, lr: Rate) -> None:
        self.lr = rate_of(lr)

    @watched
    @without_denormals
    def apply(self, params: Sequence[Tensor], grads: Sequence[Tensor], active: Tensor) -> None:
        """Update `params` in place by `grads`, for the seeds in `active` [S] bool."""
        for p, g, v in zip(params, grads, self.square):
            if all_active(active):
                v.mul_(self._alpha).addcmul_(g, g, value=1 - self._alpha)
                self._step(p, g, self._root(v))
                continue
            on, square = active.unsqueeze(1), v.mul(self._alpha).addcmul_(g, g, value=1 - self._alpha)
            updated = p.clone()
            self._step(updated, g, self._root(square))
            for old, new in ((v, square), (p, updated)):
                old.copy_(torch.where(on, new, old))

    def _step(self, params: Tensor, grads: Tensor, root: Tensor) -> None:
        if isinstance(self.lr, float):
            params.addcdiv_(grads, root, value=-self.lr)
            return
        for p, g, r, lr in zip(params, grads, root, self.lr.tolist()):
            p.addcdiv_(g, r, value=-lr)

    def _root(self, square: Tensor) -> Tensor:
        return square.add(self._eps).sqrt_() if self._inside else square.sqrt().add_(self._eps)

    def state(self) -> dict[str, Tensor]:
        return {f"square.{i}": square for i, square in enumerate(self.square)}

    def load_state(self, state: dict[str, Tensor]) -> None:
        for name, old in self.state().items():
            old.copy_(state[name])
