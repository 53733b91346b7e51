"""A measurement: the sampled CPU seconds by part, of a process and of its child processes that step environments.

These children sample themselves from their first environment on, and write their seconds to a folder when they exit.
The other time of ended children (their start and exit, compilers) is measured only as a total.
"""

from __future__ import annotations

import atexit
import json
import os
from collections import Counter
from contextlib import suppress
from pathlib import Path
from shutil import rmtree

from rlbench.profiling.sampler import Sampler, unavailable

_FOLDER = "RLBENCH_PROFILE"  # the environment variable with the folder to which children write their seconds
_child_samplers: list[Sampler] = []


class Measurement:
    """A measurement of CPU seconds by part, of this process and its children, until `finish` or `abandon`.

    folder: is made for the children and removed at the end. Only the main thread may create and finish a measurement.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self._children = folder, _children_seconds()
        folder.mkdir(parents=True, exist_ok=True)
        os.environ[_FOLDER] = str(folder)
        self._sampler: Sampler | None = Sampler()
        self._sampler.start()

    def finish(self) -> dict[str, float]:
        """Stop measuring. Returns: CPU seconds by part, in the order of rlbench.profiling.parts.PARTS, if not 0."""
        from rlbench.profiling.parts import CHILDREN, PARTS, attribute  # only a profiled run needs them

        assert self._sampler is not None
        sampler = self._sampler
        sampler.stop()
        self._sampler = None
        own, children = attribute(sampler.stacks()), _children_seconds() - self._children
        sampled: Counter[str] = Counter()
        for path in self._folder.glob("*.json"):
            with suppress(OSError, ValueError):  # a child was killed while it wrote
                sampled.update(json.loads(path.read_text("utf-8")))
        self._clean()
        totals = {part: own.get(part, 0.0) + sampled[part] for part in PARTS}
        totals[CHILDREN] = max(0.0, children - sampled.total())
        return {part: seconds for part, seconds in totals.items() if seconds > 0}

    def abandon(self) -> None:
        """Stop measuring without a result. Do nothing after `finish`."""
        if self._sampler is not None:
            self._sampler.stop()
            self._sampler = None
            self._clean()

    def _clean(self) -> None:
        os.environ.pop(_FOLDER, None)
        rmtree(self._folder, ignore_errors=True)


def sample_child() -> None:
    """Sample this process from now on if its run is being profiled. Call this where a process makes an environment."""
    folder = os.environ.get(_FOLDER)
    if folder is None or _child_samplers or unavailable():
        return
    _child_samplers.append(Sampler())
    _child_samplers[0].start()
    atexit.register(_write_samples, Path(folder))


def _write_samples(folder: Path) -> None:
    from rlbench.profiling.parts import attribute

    _child_samplers[0].stop()
    seconds = attribute(_child_samplers[0].stacks())
    with suppress(OSError):  # the run has ended, or the disk is full
        (folder / f"{os.getpid()}.json").write_text(json.dumps(seconds), "utf-8")


def _children_seconds() -> float:
    times = os.times()
    return times.children_user + times.children_system
