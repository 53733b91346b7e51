"""Atari games of the Arcade Learning Environment as an rlbench backend (extra `atari`): frames prepared in C++."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rlbench import EnvBackendSpec, Task, gymnasium_batch, hookimpl

if TYPE_CHECKING:
    from gymnasium import Env

    from rlbench.api import EnvBatch


def make_env(task: Task) -> Env[Any, Any]:
    """Make one game. Raises: RlbenchError for an unknown game or argument, or without ale-py."""
    from rlbench_ale.atari_env import atari_env

    return atari_env(task)


def _make_batch(task: Task, lanes: int) -> EnvBatch:
    return gymnasium_batch(task, lanes, make_env)


def _version() -> str:
    from importlib.metadata import version

    return f"ale-py {version('ale-py')}"


@hookimpl
def rlbench_env_backends() -> list[EnvBackendSpec]:
    return [EnvBackendSpec(name="ale", make_batch=_make_batch, make_env=make_env, replayable=True, version=_version)]
