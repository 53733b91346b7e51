"""TensorBoard event files, in a folder for each run. They need the package tensorboard (extra `tensorboard`)."""

from __future__ import annotations

import re
import time
from pathlib import Path

from rlbench.api import Run, StoreError
from rlbench.trackers.scalar_tags import Scalars

try:
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.summary.writer.event_file_writer import EventFileWriter
except ModuleNotFoundError as error:
    advice = 'tensorboard is not installed: pip install "rlbench[tensorboard]"'
    raise ModuleNotFoundError(advice, name="tensorboard") from error


class EventFile:
    """The event file of one run, in a folder such as `dqn/CartPole-v1/seed-0` below `folder`.

    Raises: StoreError if the path is not text in UTF-8, because tensorboard takes no other path.
    """

    def __init__(self, folder: Path, run: Run) -> None:
        names = (run.label or run.algorithm, run.task.name)
        path = str(folder.joinpath(*map(_folder_name, names), f"seed-{run.seed}"))
        try:
            path.encode()
        except UnicodeEncodeError as error:
            message = f"{path}: tensorboard writes only to paths in UTF-8; choose another folder with -o"
            raise StoreError(message) from error
        self._writer = EventFileWriter(path)

    def write(self, scalars: Scalars, seconds: float | None = None) -> None:
        """Write each number under its tag. seconds: when it was recorded, since 1970; None: now."""
        at = time.time() if seconds is None else seconds
        for tag, value in scalars.values.items():
            summary = Summary(value=[Summary.Value(tag=tag, simple_value=float(value))])
            self._writer.add_event(Event(wall_time=at, step=scalars.step, summary=summary))

    def flush(self) -> None:
        self._writer.flush()

    def close(self) -> None:
        self._writer.close()


def _folder_name(text: str) -> str:
    """Return text as the name of one folder. A label is not trusted: it may contain slashes, or be ".."."""
    return re.sub(r"[^\w.,=+-]+", "-", text).lstrip(".")[:120] or "-"
