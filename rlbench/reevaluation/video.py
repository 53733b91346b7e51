"""Episodes of a policy as an MP4 file: a batch of one environment whose frames imageio-ffmpeg encodes."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any, Self

import numpy as np

from rlbench.api import Array, PluginError, RlbenchError, Task
from rlbench.results.file_io import temporary_path

NEEDED = "imageio_ffmpeg"
FRAMES_PER_SECOND = 30  # if the environment does not define it


def need_ffmpeg() -> None:
    """Check that ffmpeg is installed. Raises: PluginError with the command that installs it."""
    if find_spec(NEEDED) is None:
        raise PluginError('--video needs imageio-ffmpeg, which includes ffmpeg: pip install "rlbench[video]"')


class Video:
    """One environment of a task, rendered at each reset and step (see rlbench.api.EnvBatch).

    `close` moves the finished file to `path`, so a file at `path` is always complete.
    """

    def __init__(self, task: Task, make_env: Callable[[Task], Any], path: Path) -> None:
        self._env = make_env(dataclasses.replace(task, kwargs={**task.kwargs, "render_mode": "rgb_array"}))
        self.observation_space, self.action_space = self._env.observation_space, self._env.action_space
        source = self.observation_space.dtype or np.dtype(np.float32)
        self._dtype = np.dtype(np.float32) if np.issubdtype(source, np.floating) else np.dtype(source)
        self._path, self._draft = path, temporary_path(path).with_suffix(path.suffix)
        self._writer: Any = None
        self.frames = 0

    def reset(self, lane: int, seed: int) -> Array:
        obs = np.asarray(self._env.reset(seed=seed)[0], self._dtype)
        self._add_frame()
        return obs

    def step(self, lanes: Sequence[int], actions: Sequence[Any]) -> tuple[Array, Array, Array, Array]:
        obs, reward, terminated, truncated, _ = self._env.step(actions[0])
        self._add_frame()
        flags = np.array([terminated], bool), np.array([truncated], bool)
        return np.asarray(obs, self._dtype)[None], np.array([reward], np.float64), *flags

    def _add_frame(self) -> None:
        picture = np.asarray(self._env.render())
        if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8:
            raise RlbenchError(
                f"{self._env} does not render an rgb_array [height, width, 3] of bytes, so no video can be made"
            )
        # yuv420p needs an even height and width.
        even = np.ascontiguousarray(picture[: picture.shape[0] // 2 * 2, : picture.shape[1] // 2 * 2])
        if self._writer is None:
            self._writer = self._open(even.shape[1], even.shape[0])
        self._writer.send(even)
        self.frames += 1

    def _open(self, width: int, height: int) -> Any:
        ffmpeg: ModuleType = __import__(NEEDED)
        fps = self._env.metadata.get("render_fps") or FRAMES_PER_SECOND
        writer = ffmpeg.write_frames(
            str(self._draft), (width, height), fps=fps, macro_block_size=2, ffmpeg_log_level="error"
        )
        writer.send(None)
        return writer

    def close(self) -> None:
        self._end()
        if self._writer is not None:
            os.replace(self._draft, self._path)

    def _end(self) -> None:
        self._env.close()
        if self._writer is not None:
            self._writer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Close the video, or delete it after an exception."""
        if kind is None:
            self.close()
            return
        try:
            self._end()
        finally:
            self._draft.unlink(missing_ok=True)
