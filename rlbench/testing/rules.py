"""The rules that an algorithm keeps, each a function that plays it and says what it saw.

Each docstring is the rule. One that is broken raises AssertionError with what was seen; NotClaimed where the algorithm says
no such thing of itself. docs/rules.md has the reasons and what usually mends each.
"""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from rlbench.api import ConfigError, Diverged, RlbenchError
from rlbench.plugins.config_model import configure
from rlbench.seeding import EpisodeSeeds, SeedStreams
from rlbench.testing import conformance
from rlbench.testing.fakes import SHAPES
from rlbench.testing.subject import BANDITS, CUTS, SEED, SIGNALS, NotClaimed, Subject, alive

Rule = Callable[[Subject], str]


def configuration(subject: Subject) -> str:
    """Its Config is a frozen dataclass, every field has a meaning and a default, and every default is in its own range.

    A default that is refused for something which has to be said is tried with the parameters given here instead.
    """
    config = subject.algorithm.Config
    assert dataclasses.is_dataclass(config), "Config is no dataclass"
    fields = dataclasses.fields(config)
    defaults = {field.name: field.default for field in fields if field.default is not dataclasses.MISSING}
    try:
        default = configure(config, defaults | dict(subject.params), subject.spec.name)
    except ConfigError as refused:
        raise AssertionError(f"defaults are refused: {refused}") from refused
    try:
        default.changed = True
    except dataclasses.FrozenInstanceError:
        pass
    else:
        raise AssertionError("Config can be changed: @dataclass(frozen=True)")
    silent = [field.name for field in fields if not field.metadata.get("doc")]
    assert not silent, f'{", ".join(silent)}: no meaning given; write `{silent[0]}: … = setting(default, "meaning")`'
    return f"{len(fields)} hyperparameters"


def spaces(subject: Subject) -> str:
    """It trains on the action spaces it claims."""
    supports, claimed = subject.spec.supports, []
    assert supports.discrete or supports.continuous, "it claims neither discrete actions nor continuous ones"
    for kind, kwargs in (("discrete", {"obs": 5, "actions": 3}), ("continuous", {"obs": 5, "dims": 3})):
        if getattr(supports, kind):
            subject.play(kwargs=kwargs)
            claimed.append(kind)
    return " and ".join(claimed)


def budget(subject: Subject) -> str:
    """It takes exactly as many environment steps as it was given."""
    steps = subject.whole(subject.steps + 7)
    taken = subject.play(steps=steps).outcome.steps
    assert taken == steps, f"it took {taken} of {steps} steps"
    return f"{taken} of {steps} steps"


def repeatable(subject: Subject) -> str:
    """The same seed gives the same numbers, bit for bit, and another seed gives others."""
    _reproducible(subject)
    one, again, other = (subject.play((seed,)).of_seed(seed) for seed in (SEED, SEED, SEED + 1))
    _equal(one, again, "differ between two runs of one seed: is there randomness that is not from `self.streams`?")
    assert one["episodes"] != other["episodes"], "two seeds gave the same episodes: are `self.streams` used at all?"
    return f"{len(one['episodes'])} episodes, {len(one['learned'])} arrays equal"


def stack_mates(subject: Subject) -> str:
    """A run's numbers do not depend on the seeds that are trained with it, bit for bit."""
    if not subject.spec.stackable:
        raise NotClaimed("stackable=False")
    conformance.check_independence(
        subject.algorithm, subject.config, SHAPES, subject.whole(subject.steps), subject.walk
    )
    return "alone, third of three and second of four: equal"


def evaluation(subject: Subject) -> str:
    """Being evaluated changes nothing that is learned."""
    _reproducible(subject)
    often, never = (subject.play(every=every).of_seed(SEED) for every in (max(1, subject.steps // 5), 0))
    _equal(
        {name: often[name] for name in ("episodes", "learned")},
        {name: never[name] for name in ("episodes", "learned")},
        "differ with evaluations between: `act` changes what `train` goes on from",
    )
    return "with five evaluations and with none: equal"


def acting(subject: Subject) -> str:
    """`act` gives actions of the right shape, and draws from the stream "evaluate" alone."""
    try:
        algorithm = subject.play().algorithm
    except RlbenchError as refused:  # by the evaluation, which asks for the same
        raise AssertionError(str(refused)) from refused
    obs = np.zeros((1, 4, *(algorithm.task.observation_space.shape or ())), np.float32)
    with algorithm.streams.only("evaluate"):
        action = np.asarray(algorithm.act(obs))
    shape = (1, 4, *(algorithm.task.action_space.shape or ()))
    assert action.shape == shape, f"for observations {obs.shape} it gave actions {action.shape}, not {shape}"
    return f"observations {obs.shape}: actions {action.shape}"


def resume(subject: Subject) -> str:
    """A run that was interrupted ends with the numbers of one that was not."""
    if not subject.spec.resumable:
        raise NotClaimed("resumable=False")
    with tempfile.TemporaryDirectory() as folder:
        at = conformance.check_resume(
            subject.algorithm, subject.config, SHAPES, subject.whole(subject.steps), Path(folder), subject.walk
        )
    return f"from step {at} of {subject.steps} on: equal"


def published(subject: Subject) -> str:
    """A fresh instance that takes `final_state` back plays as the trained one does."""
    trained = subject.play().algorithm
    kept = {name: np.array(value) for name, value in trained.final_state().items()}
    if not kept:
        raise NotClaimed("`final_state` is empty: it keeps nothing to be published")
    task = trained.task
    again = subject.algorithm(subject.config, task, SeedStreams((SEED,)), trained.device)
    again.load_final_state(kept)
    obs = SeedStreams((0,)).normal("observations", 16, *(task.observation_space.shape or ())).astype(np.float32)
    one, other = (np.asarray(algorithm.act(obs)) for algorithm in (trained, again))
    assert np.array_equal(one, other), "it acts otherwise after load_final_state"
    return f"{len(kept)} arrays, {one.shape[1]} actions equal"


def not_finite(subject: Subject) -> str:
    """A NaN in one seed's environment ends that seed as diverged and leaves the others their bits."""
    stacked = subject.spec.stackable and (subject.spec.max_stack or 2) >= 2
    seeds = (7, 8) if stacked else (8,)
    bad = EpisodeSeeds(SeedStreams([8]).sequence("environment", 0, 0), "training")[1]
    kwargs = subject.walk | {"bad_seeds": [bad]}
    try:
        played = subject.play(seeds, kwargs=kwargs)
    except Diverged:  # a foreign loop's way out
        return "seed 8 ended as diverged"
    assert set(played.outcome.diverged_at) == {8}, (
        f"diverged: {sorted(played.outcome.diverged_at) or 'none'}, not seed 8"
    )
    if stacked:
        alone = subject.play((7,), kwargs=kwargs).of_seed(7)
        _equal(played.of_seed(7), alone, "of seed 7 changed by the NaN of seed 8")
    return f"seed 8 diverged at step {played.outcome.diverged_at[8]}" + ", seed 7 unharmed" * stacked


def nothing_left(subject: Subject) -> str:
    """No thread and no process is left behind."""
    subject.play()  # what a library starts once and keeps is not counted
    before = alive()
    subject.play()
    threads, processes = (len(now - then) for now, then in zip(alive(), before))
    assert not threads and not processes, f"left behind: {threads} threads, {processes} processes"
    return "none left"


def learns(subject: Subject) -> str:
    """It learns a bandit: of four arms the best, or the best of two actions in uneven bounds; random gets 0.5 and 0.68."""
    least = 0.9
    returns = _returns(subject, BANDITS)
    assert min(returns) >= least, f"returns {_listed(returns)} after {subject.learn_steps} steps; {least} is asked"
    return f"returns {_listed(returns)}"


def truncation(subject: Subject) -> str:
    """An episode that is cut off is not taken for one that ends: what would have followed still has its value."""
    if not subject.spec.bootstraps:
        raise NotClaimed("bootstraps=False")
    returns = _returns(subject, CUTS)
    assert float(np.median(returns)) < 1.1, (  # one actor of three may be stuck at its bound
        f"it ends the episode for 1.2 rather than have it cut at 1 (returns {_listed(returns)}): a cut is taken for an end, "
        "whose value is 0"
    )
    return "goes on past a cut"


def resets(subject: Subject) -> str:
    """The first action of an episode answers its first observation, not the last one of the episode before."""
    played = subject.learn(*SIGNALS)
    final = [record.returns for each in played for record in each.sink.evaluations[-1:] or []]
    trained = []
    for each in played:
        for seed in each.seeds:
            late = [e.return_ for e in each.sink.episodes if e.seed == seed and e.step > 0.8 * subject.learn_steps]
            trained.append(float(np.mean(late)))
    learned = float(np.mean([np.mean(returns) for returns in final]))
    assert learned > 0.9, f"it has not learned to follow a signal (evaluation {learned:.2f}), so nothing can be said"
    assert min(trained) > 0.6, (
        f"evaluation is right in {learned:.0%} of episodes, training in {_listed(trained)}: it acts on the wrong observation"
    )
    return f"training is right in {_listed(trained)}"


RULES: dict[str, Rule] = {
    rule.__name__.replace("_", "-"): rule
    for rule in (
        *(configuration, spaces, budget, repeatable, evaluation, acting, published, stack_mates, resume),
        *(not_finite, nothing_left, learns, truncation, resets),
    )
}


def _returns(subject: Subject, tasks: Any) -> list[float]:
    """Of each seed, after it has learned."""
    found = []
    for played in subject.learn(*tasks):
        last = {record.seed: float(np.mean(record.returns)) for record in played.sink.evaluations}
        found += [last[seed] for seed in played.seeds]
    return found


def _equal(one: dict[str, Any], other: dict[str, Any], said: str) -> None:
    for name, value in one.items():
        if isinstance(value, dict) and isinstance(other[name], dict):
            different = [key for key in value if other[name].get(key) != value[key]]
            assert not different, f"{name} ({', '.join(different[:3])}) {said}"
        assert value == other[name], f"{name} {said}"


def _listed(values: list[float]) -> str:
    return ", ".join(f"{value:.2f}" for value in values)


def _reproducible(subject: Subject) -> None:
    if not subject.spec.reproducible:
        raise NotClaimed("reproducible=False")
