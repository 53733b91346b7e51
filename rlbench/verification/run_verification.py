"""Verification of finished runs: which runs can be trained again, and whether they repeat bit for bit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from rlbench.api import PluginError, Run, RunStatus, StoreError
from rlbench.reevaluation.policy_files import POLICY
from rlbench.results import RunState, Store
from rlbench.results.requested_runs import IMPORTED
from rlbench.verification.causes import Cause, causes
from rlbench.verification.record_differences import Difference, compare
from rlbench.verification.retraining import Retraining, group_to_train, is_independent, trained_again


class Verdict(StrEnum):
    """The result of one verification."""

    EQUAL = "equal"
    DIFFERS = "differs"
    UNVERIFIABLE = "not verified"
    DAMAGED = "damaged"


@dataclass(frozen=True)
class Verification:
    """The verification of one run.

    reason: why the run is damaged or could not be verified. steps: records were compared up to this step. trained: the
    seeds that were trained together now. stack_size: how many seeds were trained together originally. rows: the number
    of records compared. weights: whether the final weights were compared. differences: the first difference in each
    file. causes: how code, packages and machine differ from the recorded ones.
    """

    run: Run
    verdict: Verdict
    reason: str = ""
    steps: int = 0
    trained: tuple[int, ...] = ()
    stack_size: int = 1
    rows: int = 0
    weights: bool = False
    differences: tuple[Difference, ...] = ()
    causes: tuple[Cause, ...] = ()


TrustedModules = Callable[[Run], Sequence[str] | None]


def verify_runs(
    store: Store,
    runs: Sequence[Run],
    states: Mapping[str, RunState],
    last_step: int | None,
    plugin_files: Sequence[str],
    allowed: TrustedModules,
    begin: Callable[[Sequence[Run], tuple[int, ...]], None],
) -> Iterator[Verification]:
    """Train finished runs again and yield a verification of each. Nothing is written to the result folder.

    Runs of one attempt that differ only in their seed are trained together, once. last_step: train and compare only up
    to this step; None: to the end. allowed: the modules that a run may import (see `trained_again`), or None for all.
    begin: called before each training, with the runs and the seeds to train.
    """
    by_attempt: dict[tuple[str, str], list[Run]] = {}
    for run in runs:
        if (reason := obstacle(run, states[run.key])) is not None:
            yield _not_trained(run, states[run.key], reason)
        else:
            # Group by the request, too, because a tampered result.json may name the attempt of another run.
            by_attempt.setdefault((states[run.key].attempt, replace(run, seed=0).key), []).append(run)
    for together in by_attempt.values():
        yield from _verify_together(store, together, states, last_step, plugin_files, allowed, begin)


def _verify_together(
    store: Store,
    runs: Sequence[Run],
    states: Mapping[str, RunState],
    last_step: int | None,
    plugin_files: Sequence[str],
    allowed: TrustedModules,
    begin: Callable[[Sequence[Run], tuple[int, ...]], None],
) -> Iterator[Verification]:
    state, budget = states[runs[0].key], runs[0].task.steps
    last = last_step if last_step is not None and last_step < budget else None
    group = group_to_train(store, runs, state)
    if isinstance(group, str):
        yield from (Verification(run, Verdict.UNVERIFIABLE, group) for run in runs)
        return
    try:
        trusted = allowed(runs[0])
        begin(runs, group.seeds)
        with trained_again(runs[0].name, group, state.result, last, plugin_files, trusted) as again:
            for run in runs:
                yield _compared(store, run, states[run.key], again, last)
    except PluginError as error:
        yield from (Verification(run, Verdict.UNVERIFIABLE, str(error)) for run in runs)


def _compared(store: Store, run: Run, state: RunState, again: Retraining, last: int | None) -> Verification:
    try:
        compared = compare(store, run, state, again, last)
    except StoreError as error:
        return Verification(run, Verdict.DAMAGED, str(error))
    verdict = Verdict.DIFFERS if compared.differences else Verdict.EQUAL
    return Verification(
        run,
        verdict,
        steps=run.task.steps if last is None else last,
        trained=again.group.seeds,
        stack_size=state.result.get("stack_size", 1),
        rows=compared.rows,
        weights=last is None and POLICY in state.result["files"],
        differences=compared.differences,
        causes=causes(state.result, again.made_by),
    )


def _not_trained(run: Run, state: RunState, reason: str) -> Verification:
    is_damaged = state.status == RunStatus.CORRUPT
    return Verification(run, Verdict.DAMAGED if is_damaged else Verdict.UNVERIFIABLE, reason)


def obstacle(run: Run, state: RunState) -> str | None:
    """Return why a run cannot be trained again and compared; None if nothing in its record prevents it."""
    result = state.result
    if state.status == RunStatus.CORRUPT:
        return state.message
    if run.algorithm.startswith(IMPORTED) or "imported" in result:
        return "it was imported: rlbench did not train it"
    if not state.status.has_score:
        return f"it has no result: {state.status.describe(state.message)}"
    if result.get("metering") == "self-reported":
        return "it reports its own numbers (self-reported), which rlbench did not measure"
    if result.get("environment_repeats") is False:
        return "the environment ignores its seed, or its instances share state, so no run can be repeated"
    if not result.get("reproducible", True):
        return "its algorithm does not promise the same numbers for the same seed (reproducible: false)"
    if result.get("resume") == "approximate":
        return "it was resumed approximately, so an uninterrupted run of its seed would differ"
    if "numerics" not in result:
        return "result.json does not record how its numbers were computed"
    return None


def one_of_each(runs: Sequence[Run], states: Mapping[str, RunState]) -> list[Run]:
    """Return one run of each algorithm and task: the first that can be verified, else the first.

    Runs whose bits do not depend on their stack are preferred, because only one seed has to be trained for them.
    """
    cells: dict[tuple[str, str], list[Run]] = {}
    for run in runs:
        cells.setdefault((run.label or run.algorithm, run.task.name), []).append(run)
    return [min(cell, key=lambda run: _effort(run, states[run.key])) for cell in cells.values()]


def _effort(run: Run, state: RunState) -> tuple[bool, bool]:
    return obstacle(run, state) is not None, not is_independent(state.result)
