"""Fixed options for every reset, for environments that are configured by `reset(options=…)`."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import gymnasium


class ResetOptions(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Pass a copy of `options` to every reset of the environment. Ignore the caller's options."""

    def __init__(self, env: gymnasium.Env[Any, Any], options: Mapping[str, Any]) -> None:
        super().__init__(env)
        self._options = dict(options)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        return self.env.reset(seed=seed, options=copy.deepcopy(self._options))  # an environment may write to them
