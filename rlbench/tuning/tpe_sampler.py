"""Settings proposed by Optuna's TPE sampler, from the scores of earlier trials and from nothing else.

Optuna stores nothing: its study is built anew from the finished trials, and each setting has a seed of its own. So the
same scores give the same settings, after an interruption and with any number of workers. Trials are proposed in
batches. Within a batch, no trial has a score yet; the sampler's constant liar keeps their settings apart.
"""

from __future__ import annotations

import math
import warnings
import zlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from numpy.random import SeedSequence

from rlbench.api import RlbenchError
from rlbench.suites.search_space import Space, in_order
from rlbench.tuning.random_search import Setting, is_drawn, short_number

if TYPE_CHECKING:
    from optuna import Study, Trial
    from optuna.distributions import BaseDistribution

    from rlbench.suites.tune_models import DistributionEntry

BATCH = 5  # trials that are proposed together, before any of them has a score
ATTEMPTS = 50  # attempts at proposing a setting that no earlier trial has
MISSING = 'the sampler tpe needs Optuna 5: pip install "rlbench[tune]"'


def check_installed() -> None:
    """Check that Optuna 5 is installed. Raises: RlbenchError with what to install."""
    try:
        import optuna
    except ImportError as error:
        raise RlbenchError(MISSING) from error
    if not optuna.__version__.startswith("5."):
        raise RlbenchError(f"{MISSING} (version {optuna.__version__} is installed)")


def propose(
    label: str,
    space: Space,
    defaults: Mapping[str, Any],
    trials: Sequence[tuple[Setting, float]],
    spare: Sequence[Setting],
    count: int,
    seed: int,
) -> list[Setting]:
    """Return the settings of the next trials of an algorithm, at most `count`.

    label: label of the algorithm. defaults: its hyperparameters before a setting changes them. trials: setting and
    score of each earlier trial; higher is better, -inf if it failed. spare: settings drawn at random, as many as the
    search has trials. If the sampler proposes only known settings, the first unused spare setting is taken.
    seed: seed of the search.
    Raises: RlbenchError if Optuna 5 is not installed.
    """
    check_installed()
    import optuna

    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            study = _study(space, defaults, trials)
            known = [{**defaults, **setting} for setting, _ in trials]
            proposed: list[Setting] = []
            for number in range(len(trials), len(trials) + count):
                setting = _ask(study, label, space, defaults, known, seed, number)
                if setting is None:
                    setting = next((each for each in spare if {**defaults, **each} not in known), None)
                if setting is None:
                    break
                known.append({**defaults, **setting})
                proposed.append(setting)
    finally:
        optuna.logging.set_verbosity(verbosity)
    return proposed


def _study(space: Space, defaults: Mapping[str, Any], trials: Sequence[tuple[Setting, float]]) -> Study:
    """Return a study of the finished trials, in their order.

    A trial with a value outside the space is left out, because Optuna rejects it. Only the suite's own setting may have
    such a value.
    """
    import optuna

    study = optuna.create_study(direction="maximize", storage=optuna.storages.InMemoryStorage())
    for setting, score in trials:
        whole = {**defaults, **setting}
        places = {
            name: _place(space[name], whole.get(name)) for name in in_order(space) if is_drawn(space, name, whole)
        }
        if None not in places.values():
            kinds = {name: _distribution(space[name]) for name in places}
            study.add_trial(optuna.trial.create_trial(params=places, distributions=kinds, value=score))
    return study


def _ask(
    study: Study,
    label: str,
    space: Space,
    defaults: Mapping[str, Any],
    known: Sequence[Setting],
    seed: int,
    number: int,
) -> Setting | None:
    """Return a new setting, which the study then lists as running; None if all attempts proposed known settings."""
    import optuna

    for attempt in range(ATTEMPTS):
        key = (zlib.crc32(b"tpe"), zlib.crc32(label.encode()), number, attempt)
        state = int(SeedSequence(seed, spawn_key=key).generate_state(1)[0])
        study.sampler = optuna.samplers.TPESampler(
            seed=state, n_startup_trials=1, multivariate=True, constant_liar=True
        )
        trial = study.ask()
        setting = _suggested(trial, space, defaults)
        if {**defaults, **setting} not in known:
            return setting
        study.tell(trial, state=optuna.trial.TrialState.FAIL)
    return None


def _suggested(trial: Trial, space: Space, defaults: Mapping[str, Any]) -> Setting:
    setting: Setting = {}
    for name in in_order(space):
        if is_drawn(space, name, {**defaults, **setting}):
            setting[name] = _suggest(trial, name, space[name])
    return {name: setting[name] for name in space if name in setting}


def _suggest(trial: Trial, name: str, entry: DistributionEntry) -> Any:
    """Return the value that Optuna suggests; numbers have as many digits as those that are drawn at random."""
    if entry.choice is not None:
        return entry.choice[trial.suggest_categorical(name, range(len(entry.choice)))]
    if entry.whole is not None:
        return trial.suggest_int(name, *entry.whole)
    ends = entry.log or entry.uniform
    assert ends is not None
    return short_number(entry, trial.suggest_float(name, *ends, log=entry.log is not None))


def _distribution(entry: DistributionEntry) -> BaseDistribution:
    """Return Optuna's form of a distribution. A choice becomes the index of its value, since Optuna takes no lists."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if entry.choice is not None:
        return CategoricalDistribution(range(len(entry.choice)))
    if entry.whole is not None:
        return IntDistribution(*entry.whole)
    if entry.log is not None:
        return FloatDistribution(*entry.log, log=True)
    assert entry.uniform is not None
    return FloatDistribution(*entry.uniform)


def _place(entry: DistributionEntry, value: Any) -> Any:
    """Return a value in Optuna's form; None if it is outside the distribution."""
    if entry.choice is not None:
        return entry.choice.index(value) if value in entry.choice else None
    ends = entry.whole or entry.log or entry.uniform
    assert ends is not None
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    if not is_number or not ends[0] <= value <= ends[1] or (entry.whole is not None and value != int(value)):
        return None
    return int(value) if entry.whole is not None else float(value)
