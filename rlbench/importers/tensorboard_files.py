"""TensorBoard event files, one run per folder. Reading them needs the package tensorboard (extra `tensorboard`)."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from rlbench.importers.imported_records import (
    LARGEST_STEP,
    ForeignError,
    ImportedRecords,
    Row,
    drop_abandoned,
    is_training_mean,
)

PATTERN = "events.out.tfevents*"
HEAD, TAIL = 12, 4  # bytes before and after the content of a record
# The scalars to look for, and whether each is an evaluation: CleanRL's episodes, Stable-Baselines3's evaluations and
# its mean of the last hundred training episodes.
TAGS: Mapping[str, bool] = {
    "charts/episodic_return": False,
    "eval/mean_reward": True,
    "rollout/ep_rew_mean": False,
}


def read_tensorboard(folder: Path, paths: Sequence[Path], tag: str | None) -> ImportedRecords:
    """Read one run from the event files in a folder, in the order in which they were started.

    If a restarted run repeats steps, the later rows count. tag: the scalar to read; None: the first scalar in TAGS that
    the files contain.

    Raises: ForeignError with a list of the scalars if `tag` is not among them, or if tensorboard is not installed.
    """
    if find_spec("tensorboard") is None:
        raise ForeignError(f'{folder}: reading event files needs tensorboard: pip install "rlbench[tensorboard]"')
    from tensorboard.backend.event_processing.event_accumulator import SCALARS

    files = [(path.name, _events(path)) for path in paths]
    available = {name for _, events in files for name in events.Tags()[SCALARS]}
    chosen = next((name for name in ([tag] if tag else TAGS) if name in available), None)
    if chosen is None:
        raise ForeignError(
            f"{folder}: no scalar {' or '.join([tag] if tag else TAGS)}; "
            f"it has {', '.join(sorted(available)) or 'none'}; choose one with --tag"
        )
    points = [(name, events.Scalars(chosen)) for name, events in files if chosen in events.Tags()[SCALARS]]
    points.sort(key=lambda pair: pair[1][0].wall_time)  # names have whole seconds, and 10 sorts before 9 in them
    steps = [point.step for _, part in points for point in part]
    if min(steps) < 0 or max(steps) > LARGEST_STEP:
        raise ForeignError(
            f"{folder}: {chosen} at steps from {min(steps):,} to {max(steps):,}, not all in 0 … {LARGEST_STEP:,}"
        )
    evaluation = TAGS.get(chosen, False)
    rows, notes = drop_abandoned(
        [(name, [Row(int(p.step), float(p.value), 0, evaluation) for p in part]) for name, part in points]
    )
    notes += tuple(f"the last record of {name} is incomplete and was skipped" for name in _unfinished(paths))
    if len(points) > 1:
        notes = (f"{len(points)} event files, one after another", *notes)
    seconds = sum(part[-1].wall_time - part[0].wall_time for _, part in points)
    return ImportedRecords(str(folder), rows, seconds=seconds, notes=notes, means=is_training_mean(chosen))


def _unfinished(paths: Sequence[Path]) -> Iterator[str]:
    """Yield the names of the files that end in an incomplete record, because their process was killed.

    A record consists of its length (8 bytes), a checksum (4), its content, and a checksum (4).
    """
    for path in paths:
        size, at = path.stat().st_size, 0
        with open(path, "rb") as file:
            while at + HEAD <= size:
                file.seek(at)
                at += HEAD + struct.unpack("<Q", file.read(8))[0] + TAIL
        if at != size:
            yield path.name


def _events(path: Path) -> Any:
    """Return all scalars of one file."""
    from google.protobuf.message import DecodeError
    from tensorboard.backend.event_processing.event_accumulator import SCALARS, EventAccumulator

    _refuse_impossible_lengths(path)
    # Purging by the accumulator would drop points silently; `drop_abandoned` reports them.
    try:
        return EventAccumulator(str(path), size_guidance={SCALARS: 0}, purge_orphaned_data=False).Reload()
    except DecodeError as error:
        raise ForeignError(f"{path}: cannot be read: {error}") from error


def _refuse_impossible_lengths(path: Path) -> None:
    """Check that no record declares a length above its file's: the reader would allocate that much memory.

    Raises: ForeignError.
    """
    size, at = path.stat().st_size, 0
    with open(path, "rb") as file:
        while at + HEAD <= size:
            file.seek(at)
            length = struct.unpack("<Q", file.read(8))[0]
            if length > size:
                raise ForeignError(f"{path}: cannot be read: a record claims {length:,} bytes of the file's {size:,}")
            at += HEAD + length + TAIL
