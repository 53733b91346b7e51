"""One measurement: the sampled seconds of a process by part, and of the processes it started that step its environments.

Those sample themselves from their first environment on, and leave what they found in a folder when they end; the rest
of what ended child processes took (starting up, being killed, compilers) is measured and not sampled.
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

_FOLDER = "RLBENCH_PROFILE"  # the environment variable by which children are told where to leave their seconds
_in_a_child: list[Sampler] = []


class Measurement:
    """Seconds of processor time by part, of this process and of its children, from here to `finish` or `abandon`.

    folder: made for the children, and removed at the end. Only the main thread may make one, and finish it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self._children = folder, _children_seconds()
        folder.mkdir(parents=True, exist_ok=True)
        os.environ[_FOLDER] = str(folder)
        self._sampler: Sampler | None = Sampler()
        self._sampler.start()

    def finish(self) -> dict[str, float]:
        """Seconds by part, in the order of rlbench.profiling.parts.PARTS, those without any left out."""
        from rlbench.profiling.parts import CHILDREN, PARTS, attribute  # only a run that is measured needs them

        assert self._sampler is not None
        sampler = self._sampler
        sampler.stop()
        self._sampler = None
        own, children = attribute(sampler.stacks()), _children_seconds() - self._children
        sampled: Counter[str] = Counter()
        for path in self._folder.glob("*.json"):
            with suppress(OSError, ValueError):  # of a child that was killed while it wrote
                sampled.update(json.loads(path.read_text()))
        self._clean()
        found = {part: own.get(part, 0.0) + sampled[part] for part in PARTS}
        found[CHILDREN] = max(0.0, children - sampled.total())
        return {part: seconds for part, seconds in found.items() if seconds > 0}

    def abandon(self) -> None:
        """Stop, unless it has been finished."""
        if self._sampler is not None:
            self._sampler.stop()
            self._sampler = None
            self._clean()

    def _clean(self) -> None:
        os.environ.pop(_FOLDER, None)
        rmtree(self._folder, ignore_errors=True)


def sample_child() -> None:
    """Called where a process is given an environment of a run: sample it from now on if the run is being measured."""
    folder = os.environ.get(_FOLDER)
    if folder is None or _in_a_child or unavailable():
        return
    _in_a_child.append(Sampler())
    _in_a_child[0].start()
    atexit.register(_leave, Path(folder))


def _leave(folder: Path) -> None:
    from rlbench.profiling.parts import attribute

    _in_a_child[0].stop()
    found = attribute(_in_a_child[0].stacks())
    with suppress(OSError):  # the run has gone, or has no room: it does without
        (folder / f"{os.getpid()}.json").write_text(json.dumps(found))


def _children_seconds() -> float:
    times = os.times()
    return times.children_user + times.children_system
