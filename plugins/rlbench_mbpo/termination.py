"""Termination functions that a suite declares, so that the model need not learn where episodes terminate."""

from __future__ import annotations

import importlib
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

Ends = Callable[[Tensor, Tensor, Tensor], Tensor]


def termination_function(reference: str | None) -> Ends | None:
    """Return the termination function `reference`, converted to tensors [S, B, …]; None if `reference` is None.

    reference: "module:function". The function takes arrays of observations [n, obs], actions [n, A] in −1 … 1 and next
    observations [n, obs], and returns whether the episode terminates, [n] bool.
    Raises: ValueError if there is no such function.
    """
    if reference is None:
        return None
    module, _, name = reference.partition(":")
    try:
        function = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ValueError(f"termination_fn should be module:function, got {reference!r} ({error})") from error

    def ends(obs: Tensor, action: Tensor, next_obs: Tensor) -> Tensor:
        given = (t.flatten(0, 1).cpu().numpy() for t in (obs, action, next_obs))
        ended = np.asarray(function(*given), bool)
        if ended.shape != (obs.shape[0] * obs.shape[1],):
            raise ValueError(f"{reference} should return one bool for each row, got shape {ended.shape}")
        return torch.from_numpy(ended).view(obs.shape[:2]).to(obs.device)

    return ends
