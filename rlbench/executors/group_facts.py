"""The facts of a trained group for result.json: outcome, times, memory, versions, and how it was trained."""

from __future__ import annotations

import dataclasses
import os
import resource
import sys
from collections.abc import Mapping
from typing import Any

from rlbench.api import RunStatus
from rlbench.executors.prepared_group import PreparedGroup
from rlbench.results import commit, energy, hardware, independence
from rlbench.results.code_dependencies import Dependencies
from rlbench.results.provenance import versions
from rlbench.results.result_record import GroupFacts, RunOutcome
from rlbench.results.stack_independence import independence_warning, uses_torch
from rlbench.runtime.live_group import GroupOutcome, LiveGroup


def collect_facts(
    prepared: PreparedGroup,
    live: LiveGroup,
    outcome: GroupOutcome,
    dependencies: Dependencies,
    energy_before: Any,
    profile: Mapping[str, Any] | None,
) -> GroupFacts:
    """Return the facts of a group at the end of its training. energy_before: `energy.read()` before training."""
    seeds, sources = len(prepared.group.seeds), prepared.plugin.sources()
    self_reported = live.interaction.self_reported
    return GroupFacts(
        code=prepared.code,
        dependencies=dependencies,
        numerics=prepared.numerics,
        versions=versions(),
        environment_backend=prepared.backend.version(),
        hardware=hardware(),
        agents=list(live.agents) or None,
        told=_privileged(prepared.config) or None,
        metering=prepared.spec.metering,
        score_from=self_reported.score_from if self_reported is not None else None,
        reproducible=prepared.spec.reproducible and prepared.group.environment_repeats,
        environment_repeats=None if prepared.group.environment_repeats else False,
        stack_size=seeds,
        group_wall_seconds=outcome.elapsed_seconds,
        steps_per_second=outcome.steps * seeds / max(outcome.wall_seconds, 1e-9),
        cpu_seconds=outcome.cpu_seconds / seeds,
        group_peak_memory_bytes=_peak_memory(),
        package_energy_joules=None if outcome.resumed_from else energy.joules(energy_before, energy.read()),
        load_average=os.getloadavg()[0],
        git_commit=commit(sources[0]) if sources else None,
        resume="approximate" if live.approximated else "exact",
        group_profile=profile,
        resumable=prepared.resumable,
    )


def _privileged(config: Any) -> list[str]:
    """Return the hyperparameters that tell the algorithm something that others have to learn about the task."""
    settings = dataclasses.fields(config)
    return [f.name for f in settings if f.metadata.get("privileged") and getattr(config, f.name) != f.default]


def run_outcome(outcome: GroupOutcome, member: int) -> RunOutcome:
    """Return the facts of one run of the group."""
    at = outcome.diverged_at.get(member)
    return RunOutcome(
        status=RunStatus.DONE if at is None else RunStatus.DIVERGED,
        message="" if at is None else f"diverged at step {at}",
        steps=outcome.steps if at is None else at,
        diverged_at=at,
        wall_seconds=outcome.wall_seconds,
        resumed_from=outcome.resumed_from,
    )


def check_independence(prepared: PreparedGroup) -> tuple[dict[str, Any], str]:
    """Return the results of the stack independence trials, and a warning if kernels differ or were not tried, or ""."""
    settings, with_torch = dict(prepared.numerics), uses_torch(prepared.plugin, prepared.had_torch)
    results = independence(settings, with_torch, prepared.spec.stackable)
    return results, independence_warning(results, settings)


def _peak_memory() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
