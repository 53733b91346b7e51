"""Verification of traces: their actions, played without a policy, must give the episodes that trace and run record."""

from __future__ import annotations

import struct
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from rlbench.api import PluginError, Run, RunGroup, StoreError, group_as_dict
from rlbench.reevaluation.playback_process import play_in_child
from rlbench.reevaluation.reevaluate import Episodes, recorded_episodes
from rlbench.results import RunState, Store
from rlbench.runtime.evaluation import evaluation_seeds
from rlbench.runtime.scheduled_evaluation import FINAL
from rlbench.verification.run_verification import Verdict
from rlbench.verification.trace_files import Trace, read_headers

_WORKER = "rlbench.verification.trace_worker"


class EpisodeDifference(NamedTuple):
    """What differs in one episode. field: such as "return". values: by source, which is trace, played, run or protocol.

    problem: what went wrong when the episode was played, or "".
    """

    episode: int
    field: str
    values: Mapping[str, Any]
    problem: str = ""


@dataclass(frozen=True)
class TraceCheck:
    """The verification of one trace. name: name of the run. episodes: how many episodes were played.

    reason: why the trace is damaged or could not be played. with_run: whether it was also compared with the run's
    records.
    """

    name: str
    verdict: Verdict
    reason: str = ""
    episodes: int = 0
    with_run: bool = False
    differences: tuple[EpisodeDifference, ...] = ()


def verify_traces(
    folder: Path,
    runs: Mapping[str, tuple[Store, Run, RunState]],
    plugin_files: Sequence[str],
    allowed: Callable[[Run], Sequence[str] | None],
    only: Collection[str] | None = None,
) -> Iterator[TraceCheck]:
    """Play the traces in a folder and yield what differs, trace by trace.

    runs: by key, the runs with whose records the traces are compared. allowed: the modules that a run may import
    (rlbench.reevaluation.trust), or None for all. only: names of the runs whose traces are played; None: all traces.
    Raises: StoreError if the folder has no trace.
    """
    for name, trace in read_headers(folder).items():
        if only is not None and name not in only:
            continue
        if isinstance(trace, StoreError):
            yield TraceCheck(name, Verdict.DAMAGED, str(trace))
        else:
            yield _checked(trace, runs.get(trace.run.key), plugin_files, allowed)


def _checked(
    trace: Trace,
    known: tuple[Store, Run, RunState] | None,
    plugin_files: Sequence[str],
    allowed: Callable[[Run], Sequence[str] | None],
) -> TraceCheck:
    run = trace.run if known is None else known[1]
    try:
        trusted = allowed(run)
        answer = play_in_child(_WORKER, _request(trace, run, plugin_files, trusted))
        recorded = None if known is None else recorded_episodes(known[0], known[1], known[2])
    except StoreError as error:
        return TraceCheck(run.name, Verdict.DAMAGED, str(error))
    except PluginError as error:
        return TraceCheck(run.name, Verdict.UNVERIFIABLE, str(error))
    differences = tuple(_differences(run, answer, recorded))
    verdict = Verdict.DIFFERS if differences else Verdict.EQUAL
    return TraceCheck(run.name, verdict, "", len(answer["traced"]), recorded is not None, differences)


def _request(trace: Trace, run: Run, plugin_files: Sequence[str], allowed: Sequence[str] | None) -> dict[str, Any]:
    group = RunGroup(run.algorithm, {}, run.task, (run.seed,), seed_space=run.seed_space)
    return {
        "group": group_as_dict(group),
        "policy_file": str(trace.path.resolve()),
        "actions": trace.form._asdict(),
        "episodes": trace.episodes,
        "mkl": None,
        "trusted": allowed is None,
        "allowed": list(allowed or ()),
        "plugin_files": list(plugin_files),
    }


def _differences(run: Run, answer: Mapping[str, Any], recorded: Episodes | None) -> Iterator[EpisodeDifference]:
    """Yield what differs between a trace, its actions played again, and the run's records (None: not compared)."""
    seeds, traced = evaluation_seeds(FINAL, run.seed_space), answer["traced"]
    if recorded is not None and len(recorded.returns) != len(traced):
        counts = {"trace": len(traced), "run": len(recorded.returns)}
        yield EpisodeDifference(min(counts.values()), "number of episodes", counts)
    for k, (says, played) in enumerate(zip(traced, answer["played"])):
        if says["reset_seed"] != seeds[k]:
            yield EpisodeDifference(k, "reset seed", {"trace": says["reset_seed"], "protocol": seeds[k]})
        for name in ("return", "length"):
            values = {"trace": says[name], "played": played[name]}
            if recorded is not None and k < len(recorded.returns):
                values["run"] = recorded.returns[k] if name == "return" else recorded.lengths[k]
            if len({_bits(value) for value in values.values()}) > 1:
                yield EpisodeDifference(k, name, values, played["problem"])
        if says["observations"] != played["observations"]:
            values = {"trace": says["observations"][:16], "played": played["observations"][:16]}
            yield EpisodeDifference(k, "hash of the observations", values, played["problem"])
        elif played["problem"]:
            yield EpisodeDifference(k, "end", {}, played["problem"])


def _bits(value: Any) -> bytes:
    return struct.pack("<d", value) if isinstance(value, float) else struct.pack("<q", value)
