"""Run one side in its own process: `python -m benchmarks.speed.child SIDE CORE`, SIDE as JSON.

The process is pinned to its core before other imports, so that every library sees one core. Its standard output is a
channel to the parent; output of libraries goes to standard error.
"""

from __future__ import annotations

import json
import os
import sys

from benchmarks.speed.turnstile import Turnstile
from benchmarks.speed.works import BY_NAME, Side
from rlbench.envs.references import import_object


def main(described: str, core: str) -> None:
    if core and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {int(core)})
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    side = Side(**json.loads(described))
    work = side.at(BY_NAME[side.work])
    if work.register:
        import_object(work.register)()
    turnstile = Turnstile(sys.stdin, answers, work.warm_steps * side.seeds)
    if side.library == "ours":
        from benchmarks.speed.ours import play
    elif side.library == "sb3":
        from benchmarks.speed.sb3 import play
    elif side.library == "sbx":
        from benchmarks.speed.sbx import play
    elif side.library == "purejax":
        from benchmarks.speed.purejax import play
    elif side.library == "floor":
        from benchmarks.speed.floor import play
    else:
        raise ValueError(f"no side called {side.library!r}: ours, sb3, sbx, purejax or floor")
    play(side, work, turnstile)
    raise RuntimeError(f"{side.name} came to its end before it was told to stop")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
