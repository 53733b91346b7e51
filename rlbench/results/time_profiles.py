"""Where the time of groups went, read back from what `rlbench run --profile` has kept with their runs.

Every run of a group has the whole group's profile: `group_profile` in result.json, with CPU seconds by part
(rlbench.profiling.parts.PARTS) and the step from which on they count, which is not 0 where the group was resumed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from rlbench.profiling.parts import PARTS
from rlbench.results.store import Store

COLUMNS = ("algorithm", "environment", "group", "seeds", "from_step", "part", "seconds", "share")


@dataclass(frozen=True)
class Profile:
    """CPU seconds by part, in the order of PARTS. groups: how many were measured, from_step: the latest beginning."""

    seconds: Mapping[str, float]
    groups: int = 1
    from_step: int = 0

    @property
    def total(self) -> float:
        return sum(self.seconds.values())

    def share(self, part: str) -> float:
        """Of the total, in [0, 1]."""
        return self.seconds.get(part, 0.0) / self.total if self.total else 0.0


def profile_of(results: Iterable[Mapping[str, Any]]) -> Profile | None:
    """The sum over the groups whose runs have these contents of result.json; None where none was measured."""
    found = {result["attempt"]: result["group_profile"] for result in results if "group_profile" in result}
    if not found:
        return None
    known = [*PARTS, *(part for each in found.values() for part in each["seconds"] if part not in PARTS)]
    seconds = {part: sum(each["seconds"].get(part, 0.0) for each in found.values()) for part in dict.fromkeys(known)}
    present = {part: spent for part, spent in seconds.items() if spent > 0}
    return Profile(present, len(found), max(each["from_step"] for each in found.values()))


def profile_table(store: Store) -> pd.DataFrame:
    """One row for each part of each group that was measured.

    Columns: algorithm (label), environment, group (its attempt's folder), seeds (how many it trained together),
    from_step (env steps; the profile counts from there), part (one of PARTS), seconds (CPU, of the whole group), share
    (of the group's seconds, in [0, 1]).
    """
    runs = store.runs()
    states = store.states(runs)
    rows, seen = [], set()
    for run in runs:
        result = states[run.key].result
        profile = profile_of([result])
        if profile is None or result["attempt"] in seen:
            continue
        seen.add(result["attempt"])
        named = (run.label or run.algorithm, run.task.env_id, result["attempt"], result["stack_size"])
        rows += [(*named, profile.from_step, p, s, profile.share(p)) for p, s in profile.seconds.items()]
    return pd.DataFrame(rows, columns=list(COLUMNS))
