"""The windy gridworld as an rlbench backend, which a suite asks for by `backend: windy`."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from rlbench import EnvBackendSpec, Task, hookimpl

if TYPE_CHECKING:
    from gymnasium import Env

    from rlbench.api import EnvBatch


def make_batch(task: Task, lanes: int) -> EnvBatch:
    from windy_grid.batch import WindyBatch  # numpy and Gymnasium are not loaded to list plugins

    return WindyBatch(task, lanes)


def make_env(task: Task) -> Env[Any, Any]:
    """A function of the module: processes of a foreign library are sent it."""
    from windy_grid.batch import WindyBatch
    from windy_grid.single import OneLane

    return OneLane(WindyBatch(task, 1))


@hookimpl
def rlbench_env_backends() -> list[EnvBackendSpec]:
    return [
        EnvBackendSpec(
            name="windy",
            make_batch=make_batch,
            make_env=make_env,
            replayable=True,  # seed and actions bring an episode back: interrupted runs go on exactly
            version=lambda: f"windy-grid {version('windy-grid')}",  # it stands in every result's provenance
        )
    ]
