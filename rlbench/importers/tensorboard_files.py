"""TensorBoard's event files, one run a folder. Reading them needs the package tensorboard (extra `tensorboard`)."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from rlbench.importers.imported_records import LARGEST_STEP, ForeignError, Row, Told, is_training_mean, later_holds

PATTERN = "events.out.tfevents*"
HEAD, TAIL = 12, 4  # bytes around a record
# Which scalars are looked for, and whether each is an evaluation: CleanRL's episodes; Stable-Baselines3's evaluations, and the
# mean of its last hundred training episodes.
TAGS: Mapping[str, bool] = {
    "charts/episodic_return": False,
    "eval/mean_reward": True,
    "rollout/ep_rew_mean": False,
}


def read_tensorboard(folder: Path, paths: Sequence[Path], tag: str | None) -> Told:
    """One run from event files in a folder, in the order in which they were begun: what a restarted run tells again
    holds. tag: the scalar to read; None: the first of TAGS that is there.

    Raises: ForeignError if there is no such scalar, naming those there are, or the package is not installed.
    """
    if find_spec("tensorboard") is None:
        raise ForeignError(f'{folder}: reading event files needs tensorboard: pip install "rlbench[tensorboard]"')
    from tensorboard.backend.event_processing.event_accumulator import SCALARS

    files = [(path.name, _events(path)) for path in paths]
    there = {name for _, events in files for name in events.Tags()[SCALARS]}
    chosen = next((name for name in ([tag] if tag else TAGS) if name in there), None)
    if chosen is None:
        raise ForeignError(
            f"{folder}: no scalar {' or '.join([tag] if tag else TAGS)}; it has {', '.join(sorted(there)) or 'none'}; say --tag"
        )
    points = [(name, events.Scalars(chosen)) for name, events in files if chosen in events.Tags()[SCALARS]]
    points.sort(key=lambda pair: pair[1][0].wall_time)  # names hold only the second, and count 9, 10 as text
    steps = [point.step for _, part in points for point in part]
    if min(steps) < 0 or max(steps) > LARGEST_STEP:
        raise ForeignError(f"{folder}: {chosen} at steps from {min(steps):,} to {max(steps):,}")
    evaluation = TAGS.get(chosen, False)
    rows, notes = later_holds(
        [(name, [Row(int(p.step), float(p.value), 0, evaluation) for p in part]) for name, part in points]
    )
    notes += tuple(f"the last record of {name} is unfinished, so it is left out" for name in _unfinished(paths))
    if len(points) > 1:
        notes = (f"{len(points)} event files, one after the other", *notes)
    seconds = sum(part[-1].wall_time - part[0].wall_time for _, part in points)
    return Told(str(folder), rows, seconds=seconds, notes=notes, means=is_training_mean(chosen))


def _unfinished(paths: Sequence[Path]) -> Iterator[str]:
    """Files of which a killed process has left part of a last record: its length [8 bytes, 4 to check], itself [and 4]."""
    for path in paths:
        size, at = path.stat().st_size, 0
        with open(path, "rb") as file:
            while at + HEAD <= size:
                file.seek(at)
                at += HEAD + struct.unpack("<Q", file.read(8))[0] + TAIL
        if at != size:
            yield path.name


def _events(path: Path) -> Any:
    """The scalars of one file, all of them."""
    from tensorboard.backend.event_processing.event_accumulator import SCALARS, EventAccumulator

    # The accumulator's own purge would drop points without a word; what goes back is told by later_holds.
    return EventAccumulator(str(path), size_guidance={SCALARS: 0}, purge_orphaned_data=False).Reload()
