"""CPU time profiles of groups that were trained with `rlbench run --profile`.

The result.json of every run contains the profile of its whole group (`group_profile`): CPU seconds by part
(rlbench.profiling.parts.PARTS), and the step at which the measurement began. If the group resumed, this step is not 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from rlbench.api import Run
from rlbench.profiling.parts import PARTS
from rlbench.results.run_states import RunState

COLUMNS = ("algorithm", "environment", "group", "seeds", "from_step", "part", "seconds", "share")


@dataclass(frozen=True)
class Profile:
    """CPU seconds by part, in the order of PARTS.

    groups: number of measured groups. from_step: latest step at which the measurement of a group began.
    """

    seconds: Mapping[str, float]
    groups: int = 1
    from_step: int = 0

    @property
    def total(self) -> float:
        return sum(self.seconds.values())

    def share(self, part: str) -> float:
        """Return the part's share of the total, in [0, 1]."""
        return self.seconds.get(part, 0.0) / self.total if self.total else 0.0


def profile_of(results: Iterable[Mapping[str, Any]]) -> Profile | None:
    """Return the sum of the profiles of the groups that trained these runs; None if no group was measured.

    results: the contents of the runs' result.json.
    """
    profiles = {result["attempt"]: result["group_profile"] for result in results if "group_profile" in result}
    if not profiles:
        return None
    parts = [*PARTS, *(part for each in profiles.values() for part in each["seconds"] if part not in PARTS)]
    seconds = {part: sum(each["seconds"].get(part, 0.0) for each in profiles.values()) for part in dict.fromkeys(parts)}
    present = {part: spent for part, spent in seconds.items() if spent > 0}
    return Profile(present, len(profiles), max(each["from_step"] for each in profiles.values()))


def profile_table(runs: Iterable[Run], states: Mapping[str, RunState]) -> pd.DataFrame:
    """Return a frame with one row for each part of each measured group.

    Columns: algorithm (label), environment, group (the name of its attempt's folder), seeds (number trained together),
    from_step (env steps at the start of the measurement), part (one of PARTS), seconds (CPU time of the whole group in
    this part), share (of the group's seconds, in [0, 1]).
    """
    rows, seen = [], set()
    for run in runs:
        result = states[run.key].result
        profile = profile_of([result])
        if profile is None or result["attempt"] in seen:
            continue
        seen.add(result["attempt"])
        group = (run.label or run.algorithm, run.task.name, result["attempt"], result["stack_size"])
        rows += [(*group, profile.from_step, p, s, profile.share(p)) for p, s in profile.seconds.items()]
    return pd.DataFrame(rows, columns=list(COLUMNS))
