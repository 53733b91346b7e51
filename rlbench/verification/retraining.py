"""Training finished runs again in a temporary folder, with the settings of the process that trained them."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rlbench.api import Run, RunGroup, RunStatus, group_as_dict
from rlbench.reevaluation.playback_process import play_in_child
from rlbench.results import RunState, Store
from rlbench.results.attempt_files import describe_attempt
from rlbench.results.provenance import INSTRUCTIONS

_WORKER = "rlbench.verification.training_worker"
_INSTRUCTION_SET = re.compile(r"[\w.,-]{1,40}")
_LARGEST_SEED = (1 << 31) - 1


@dataclass(frozen=True)
class Retraining:
    """The outcome of training a group again. store: the temporary result folder. attempt: the folder of its records.

    status, message: how training ended; `interrupted` if it was stopped after the last step. made_by: code, imports,
    settings, versions and machine, with the keys of result.json.
    """

    store: Store
    attempt: Path
    group: RunGroup
    status: RunStatus
    message: str
    made_by: Mapping[str, Any]


@contextmanager
def trained_again(
    name: str,
    group: RunGroup,
    result: Mapping[str, Any],
    last_step: int | None,
    plugin_files: Sequence[str],
    allowed: Sequence[str] | None,
) -> Iterator[Retraining]:
    """Train a group in a temporary folder, which is removed at the end of the context.

    name: name of the run, for errors. result: its result.json. last_step: train only up to this step; None: to the end.
    allowed: modules that the folder may import, besides installed ones (rlbench.reevaluation.trust). None allows every
    module that the run names; use it if the user has passed the suite.
    Raises: PluginError if the run cannot be trained here, or names something that is not trusted.
    """
    with tempfile.TemporaryDirectory(prefix="rlbench-verify-") as folder:
        numerics = result.get("numerics", {})
        request = {
            "group": group_as_dict(group),
            "policy_file": name,
            "what": "trained again",
            "folder": folder,
            "last_step": last_step,
            "mkl": numerics.get("mkl"),
            "variables": instruction_limits(numerics),
            "trusted": allowed is None,
            "allowed": list(allowed or ()),
            "plugin_files": list(plugin_files),
        }
        answer = play_in_child(_WORKER, request)
        store = Store(Path(folder))
        attempt = store.root / "attempts" / answer["attempt"]
        yield Retraining(store, attempt, group, RunStatus(answer["status"]), answer["message"], answer["made_by"])


def instruction_limits(numerics: Mapping[str, Any]) -> dict[str, str]:
    """Return the recorded variables that restricted libraries to some processor instructions."""
    recorded = {name: numerics.get(name.lower()) for name in INSTRUCTIONS}
    return {
        name: value for name, value in recorded.items() if isinstance(value, str) and _INSTRUCTION_SET.fullmatch(value)
    }


def group_to_train(store: Store, runs: Sequence[Run], state: RunState) -> RunGroup | str:
    """Return the group in which runs of one attempt are trained again, or a reason if the group is no longer known.

    If result.json says that the runs' numbers do not depend on the stack, the group has only these runs; otherwise it
    is the whole stack. state: the state of the first run.
    """
    run, result = runs[0], state.result
    numerics = result.get("numerics", {})
    seeds: Sequence[int] = tuple(one.seed for one in runs)
    compiled = bool(numerics.get("compiled"))
    if not is_independent(result):
        seeds = stack_of(store, run, state)
        if not seeds:
            count = result.get("stack_size", 1)
            return f"its numbers may depend on its stack of {count} seeds, and which ones these were is no longer known"
    return RunGroup(
        run.algorithm,
        run.config,
        run.task,
        tuple(seeds),
        run.label,
        run.seed_space,
        device=str(numerics.get("device", "cpu")),
        compile=compiled,
    )


def is_independent(result: Mapping[str, Any]) -> bool:
    """Return whether a run's bits are the same alone as in the stack that it was trained in.

    Compiled updates give the same bits in every stack of two or more, but other bits for a seed alone.
    """
    numerics = result.get("numerics", {})
    if result.get("stack_size", 1) == 1:
        return True
    return numerics.get("stack_independence") == "bitwise" and not numerics.get("compiled")


def stack_of(store: Store, run: Run, state: RunState) -> tuple[int, ...]:
    """Return the seeds of the stack that a run was trained in, in their order; empty if they are no longer known.

    The seeds are read from the attempt's group.json. If that was deleted, they are the seeds of the runs that the same
    attempt published.

    For a compiled stack of several settings, return only the seeds of the run's setting, or two seeds if it had one: a
    compiled graph gives the same bits in every stack of two or more.
    """
    size = state.result.get("stack_size", 1)
    if size == 1:
        return (run.seed,)
    try:
        description = describe_attempt(store.root / "attempts" / state.attempt)
        seeds = tuple(description["group"].get("seeds", ())) if run.key in description["keys"].values() else ()
        if seeds and description["group"].get("variants"):
            return _of_its_setting(run, description, state.result.get("numerics", {}))
    except (OSError, ValueError):
        runs = [one for one in store.runs() if one.algorithm == run.algorithm]
        states = store.states(runs)
        seeds = tuple(one.seed for one in runs if states[one.key].attempt == state.attempt)
    are_seeds = all(type(seed) is int and 0 <= seed <= _LARGEST_SEED for seed in seeds)
    return seeds if are_seeds and len(set(seeds)) == len(seeds) == size and run.seed in seeds else ()


def _of_its_setting(run: Run, description: Mapping[str, Any], numerics: Mapping[str, Any]) -> tuple[int, ...]:
    """Return seeds that reproduce a run from a stack of several settings; empty if only the whole stack would."""
    if not numerics.get("compiled") or numerics.get("stack_independence") != "bitwise":
        return ()
    keys = set(description["keys"].values())
    seeds = [seed for seed in dict.fromkeys(description["group"]["seeds"]) if 0 <= seed <= _LARGEST_SEED]
    own = [seed for seed in seeds if replace(run, seed=seed).key in keys]
    return tuple(own) if len(own) > 1 else (run.seed, run.seed - 1 if run.seed else 1)
