"""The windy gridworld as an rlbench backend, which a suite selects with `backend: windy`."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from rlbench import EnvBackendSpec, Task, hookimpl

if TYPE_CHECKING:
    from gymnasium import Env

    from rlbench.api import EnvBatch


def make_batch(task: Task, lanes: int) -> EnvBatch:
    from windy_grid.batch import WindyBatch  # imported here: listing plugins should not load numpy and Gymnasium

    return WindyBatch(task, lanes)


def make_env(task: Task) -> Env[Any, Any]:
    """Make one environment. This is a module-level function because foreign libraries send it to their processes."""
    from windy_grid.batch import WindyBatch
    from windy_grid.single import SingleLaneEnv

    return SingleLaneEnv(WindyBatch(task, 1))


@hookimpl
def rlbench_env_backends() -> list[EnvBackendSpec]:
    return [
        EnvBackendSpec(
            name="windy",
            make_batch=make_batch,
            make_env=make_env,
            replayable=True,  # seed and actions reproduce an episode, so interrupted runs resume exactly
            version=lambda: f"windy-grid {version('windy-grid')}",  # recorded in every result's provenance
        )
    ]
