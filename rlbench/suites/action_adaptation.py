"""Choice of the wrapper through which an algorithm acts in an environment whose action space it does not support."""

from __future__ import annotations

import math
from typing import Any

from gymnasium.spaces import Box, Dict, Discrete, MultiBinary, MultiDiscrete, Tuple

from rlbench.api import Supports
from rlbench.envs.action_wrappers import (
    MAX_CHOICES,
    MAX_COMBINATIONS,
    ActionsAsChoices,
    ActionsAsDraws,
    ActionsAsOneChoice,
    ActionsFromZero,
    counts_of,
    draws_of,
)

ActionWrapper = type[ActionsFromZero] | type[ActionsAsChoices] | type[ActionsAsOneChoice] | type[ActionsAsDraws]
_KINDS = ("discrete", "continuous", "multi_discrete", "multi_binary")  # fields of Supports


def action_wrapper(space: Any, supports: Supports) -> ActionWrapper | None:
    """Return the wrapper through which an algorithm acts in an action space, or None if it needs none or none helps."""
    if isinstance(space, Discrete):
        return ActionsFromZero if supports.discrete and int(space.start) != 0 else None
    if _takes(space, supports):
        return None
    if supports.any_actions:
        return ActionsAsDraws if draws_of(space) is not None else None
    counts = counts_of(space)
    if counts is None:
        return None
    if supports.multi_discrete and sum(counts) <= MAX_CHOICES:
        return ActionsAsChoices
    return ActionsAsOneChoice if supports.discrete and math.prod(counts) <= MAX_COMBINATIONS else None


def _takes(space: Any, supports: Supports) -> bool:
    """Return whether an algorithm supports the actions of a space as they are."""
    if isinstance(space, Box):
        whole = space.dtype.kind != "f"
        return supports.any_actions if whole else supports.continuous and (supports.unbounded or space.is_bounded())
    kinds = {Discrete: supports.discrete, MultiDiscrete: supports.multi_discrete, MultiBinary: supports.multi_binary}
    return kinds.get(type(space), False)


def action_problem(name: str, supports: Supports, space: Any) -> str:
    """Return why an algorithm cannot act in an action space, or "". space: the space after any wrapper."""
    if isinstance(space, Discrete) and supports.discrete and int(space.start) != 0:  # a backend without wrappers
        return f"actions start at {space.start}; wrap the environment so that they start at 0"
    if _takes(space, supports):
        return ""
    kind, counts = type(space).__name__, counts_of(space)
    if isinstance(space, Box) and space.dtype.kind == "f" and supports.continuous:
        if supports.any_actions:
            return "actions are unbounded, so none can be drawn uniformly"
        return f"actions are unbounded, but {name} needs bounds: wrap the environment so that they are bounded"
    if isinstance(space, (Dict, Tuple)) and supports.any_actions:
        return f"actions are {kind} with a part that cannot be drawn uniformly"
    if counts is not None and supports.multi_discrete:
        return f"actions have {sum(counts):,} choices in all, but {name} takes at most {MAX_CHOICES:,}"
    if counts is not None and supports.discrete:
        combinations = math.prod(counts)
        return (
            f"actions have {combinations:,} combinations, but {name} takes at most {MAX_COMBINATIONS:,} as one choice"
        )
    taken = " or ".join(k.replace("_", "-") for k in _KINDS if vars(supports)[k]) or "no"
    whole = " of integers" if isinstance(space, Box) and space.dtype.kind != "f" else ""
    return f"actions are {kind}{whole}, but {name} supports {taken} actions"
