"""TensorBoard's event files, one run a folder. Reading them needs the package tensorboard (extra `tensorboard`)."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from rlbench.results.foreign.told import ForeignError, Row, Told

PATTERN = "events.out.tfevents*"
# Which scalars are looked for, and whether each is an evaluation: CleanRL's episodes; Stable-Baselines3's evaluations, and the
# mean of its last hundred training episodes, which is told at once and so is taken as such a mean.
TAGS: Mapping[str, bool] = {
    "charts/episodic_return": False,
    "eval/mean_reward": True,
    "rollout/ep_rew_mean": True,
}


def read_tensorboard(folder: Path, tag: str | None) -> Told:
    """One run from the event files in a folder. tag: the scalar to read; None: the first of TAGS that is there.

    Raises: ForeignError if there is no such scalar, naming those there are, or the package is not installed.
    """
    if find_spec("tensorboard") is None:
        raise ForeignError(f'{folder}: reading event files needs tensorboard: pip install "rlbench[tensorboard]"')
    from tensorboard.backend.event_processing.event_accumulator import SCALARS, EventAccumulator

    events = EventAccumulator(str(folder), size_guidance={SCALARS: 0})  # 0: keep them all
    events.Reload()
    there = events.Tags()[SCALARS]
    chosen = next((name for name in ([tag] if tag else TAGS) if name in there), None)
    if chosen is None:
        raise ForeignError(
            f"{folder}: no scalar {' or '.join([tag] if tag else TAGS)}; it has {', '.join(sorted(there)) or 'none'}; say --tag"
        )
    points = sorted(events.Scalars(chosen), key=lambda point: point.step)
    rows = [Row(int(point.step), float(point.value), 0, TAGS.get(chosen, False)) for point in points]
    return Told(str(folder), rows, seconds=points[-1].wall_time - points[0].wall_time)
