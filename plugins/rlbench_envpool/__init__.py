"""EnvPool's environments as an rlbench backend (extra `envpool`): training in C++, evaluation in Gymnasium."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rlbench import EnvBackendSpec, Task, hookimpl, reference_backend

if TYPE_CHECKING:
    from gymnasium import Env

    from rlbench.api import EnvBatch


def _make_streams(task: Task, seeds: Sequence[int]) -> EnvBatch:
    from rlbench_envpool.batch import EnvPoolBatch
    from rlbench_envpool.tasks import check

    check(task)
    return EnvPoolBatch(task, seeds)


def _make_env(task: Task) -> Env[Any, Any]:
    from rlbench_envpool.single import EnvPoolEnv
    from rlbench_envpool.tasks import check

    check(task)
    return EnvPoolEnv(task)


def _make_batch(task: Task, lanes: int) -> EnvBatch:
    """Make the evaluation environments in Gymnasium, because EnvPool cannot seed single episodes."""
    return reference_backend().make_batch(task, lanes)


def _version() -> str:
    from importlib.metadata import version

    return f"envpool {version('envpool')}, evaluated in {reference_backend().version()}"


@hookimpl
def rlbench_env_backends() -> list[EnvBackendSpec]:
    return [
        EnvBackendSpec(
            name="envpool",
            make_batch=_make_batch,
            make_env=_make_env,
            make_streams=_make_streams,
            replayable=False,
            version=_version,
        )
    ]
