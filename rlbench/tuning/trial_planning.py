"""The plan of a search: checks of the suite and its spaces, and the settings of all trials. Nothing is trained."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence

from rlbench.api import RlbenchError, SuiteError
from rlbench.plugins import Plugins, resolve
from rlbench.results.score_anchors import anchors_of
from rlbench.run_options import RunOptions
from rlbench.suites import LoadedSuite, Plan, plan
from rlbench.suites.search_space import space_name, spaces
from rlbench.suites.source_location import Problem
from rlbench.tuning.random_search import draw_settings
from rlbench.tuning.tpe_sampler import check_installed
from rlbench.tuning.trial_sampling import TrialSampling
from rlbench.tuning.trial_suites import tuning_suite


def plan_trials(
    loaded: LoadedSuite, plugins: Plugins, options: RunOptions, seed: int
) -> tuple[Plan, dict[str, TrialSampling]]:
    """Return the plan of the suite itself and, by label, the source of each tuned algorithm's settings.

    Raises: SuiteError with what is wrong with the suite, and as `sampling_of`.
    """
    planned = plan(loaded, plugins, **options.planning)
    return planned, sampling_of(planned, loaded, plugins, seed)


def sampling_of(planned: Plan, loaded: LoadedSuite, plugins: Plugins, seed: int) -> dict[str, TrialSampling]:
    """Return the source of each tuned algorithm's settings, by label. planned: the suite's plan.

    Raises: SuiteError with what is wrong with a space, if tasks have no anchors to combine their scores by, or if the
    sampler is not installed.
    """
    suite, problems = planned.suite, []
    if suite.tune is None:
        raise SuiteError(f"{loaded.source.path} has no key `tune`; docs/tuning.md explains it")
    if suite.tune.sampler == "tpe":
        try:
            check_installed()
        except RlbenchError as error:
            raise SuiteError(loaded.source.describe([Problem(("tune", "sampler"), str(error))])) from error
    tuned = spaces(suite)
    entries = {a.name: a for a in suite.algorithms}
    defaults = resolve(plugins, [(entries[label].id, entries[label].params) for label in tuned])
    sampling: dict[str, TrialSampling] = {}
    for (label, space), answer in zip(tuned.items(), defaults):
        at = ("tune", "space", str(space_name(suite, entries[label])))
        if isinstance(answer, Exception) or not any(group.label == label for group in planned.groups):
            reasons = "; ".join(map(str, (skip for skip in planned.skipped if skip.algorithm == label)))
            problems.append(Problem(at, f"{label} cannot be tuned: {reasons or answer}", True))
            continue
        drawn = tuple(draw_settings(label, space, answer.config, suite.tune.trials, seed))
        sampling[label] = TrialSampling(label, space, answer.config, drawn, suite.tune.sampler, seed)
        if (found := len(drawn)) < suite.tune.trials:
            text = f"the space of {label} has only {found} different settings, fewer than {suite.tune.trials} trials"
            problems.append(Problem(at, f"{text}; widen it, or lower trials", True))
    problems += _without_anchors(planned, list(tuned))
    if problems:
        raise SuiteError(loaded.source.describe(problems))
    return sampling


def first_round(
    loaded: LoadedSuite, sampling: Mapping[str, TrialSampling], plugins: Plugins, options: RunOptions
) -> Plan:
    """Return the plan of the first round, only for the trials whose settings are drawn at random.

    Raises: SuiteError, at its place in the suite, for a drawn setting that an algorithm or the budget refuses.
    """
    assert loaded.suite.tune is not None
    count = loaded.suite.tune.rounds[0][1]
    settings = {label: source.batch(()) for label, source in sampling.items()}
    seeds = {label: [count] * len(those) for label, those in settings.items()}
    return plan(tuning_suite(loaded, settings, seeds), plugins, **options.planning)


def folder_name(suite: str, seed: int) -> str:
    """Return the name of a search's result folder. Each seed is a search of its own."""
    return f"{suite}-tune" if seed == 0 else f"{suite}-tune-{seed}"


def search_command(loaded: LoadedSuite, seed: int, settings: Sequence[str]) -> str:
    """Return the command that repeats a search. settings: the hyperparameters that the command line has set."""
    changes = [word for setting in settings for word in ("--set", setting)]
    return " ".join(shlex.join(["rlbench", "tune", loaded.source.path.name, "--seed", str(seed), *changes]).split())


def _without_anchors(planned: Plan, labels: Sequence[str]) -> list[Problem]:
    """Return a problem for each task without anchors of an algorithm that is tuned on several tasks."""
    tasks = {label: {g.task.name: g.task for g in planned.groups if g.label == label} for label in labels}
    needed = {name: task for found in tasks.values() if len(found) > 1 for name, task in found.items()}
    anchors = anchors_of(planned.suite.resolved(), needed)
    return [
        Problem(
            ("environments", j, "id"),
            f"{environment.name} has no anchors, so the scores on several tasks have no common scale to choose by: add"
            " `anchors` (`rlbench anchors` measures the lower one), or tune on one task",
        )
        for j, environment in enumerate(planned.suite.environments)
        if environment.name in needed and environment.name not in anchors
    ]
