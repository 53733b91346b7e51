"""The rules for algorithms. Each rule is a function that trains the algorithm and returns what it observed.

The function's docstring states the rule. If the rule is broken, the function raises AssertionError with the
observation. If the rule is about a property that the algorithm does not claim, it raises NotClaimed. docs/rules.md has
the reason for each rule and the usual fix.
"""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rlbench.api import ConfigError, EnvironmentFault, RlbenchError, Wrapper
from rlbench.plugins.config_model import config_of_each_seed, configure
from rlbench.seeding import EpisodeSeeds, SeedStreams
from rlbench.testing import conformance
from rlbench.testing.fakes import SHAPES
from rlbench.testing.subject import BANDITS, CUTS, SEED, SIGNALS, NotClaimed, Subject, threads_and_children

Rule = Callable[[Subject], str]
MOST_ENVIRONMENTS = 64  # the rule `not-finite` puts a NaN into this many environments of a seed
MASKS = Wrapper("rlbench.envs.action_mask:ActionMaskInObservation")


def configuration(subject: Subject) -> str:
    """Check that Config is a frozen dataclass whose fields all have a meaning and a default within the allowed range.

    The subject's parameters replace the defaults, because some fields have no default.
    """
    config = subject.algorithm.Config
    assert dataclasses.is_dataclass(config), "Config is not a dataclass"
    fields = dataclasses.fields(config)
    defaults = {field.name: field.default for field in fields if field.default is not dataclasses.MISSING}
    try:
        default = configure(config, defaults | dict(subject.params), subject.spec.name)
    except ConfigError as error:
        raise AssertionError(f"the defaults are invalid: {error}") from error
    try:
        default.changed = True
    except dataclasses.FrozenInstanceError:
        pass
    else:
        raise AssertionError("Config can be changed: use @dataclass(frozen=True)")
    undocumented = [field.name for field in fields if not field.metadata.get("doc")]
    assert not undocumented, (
        f'{", ".join(undocumented)}: no meaning given; write `{undocumented[0]}: … = setting(default, "meaning")`'
    )
    return f"{len(fields)} hyperparameters"


def spaces(subject: Subject) -> str:
    """Check that the algorithm trains on all action spaces that it claims, and takes no action that a mask forbids."""
    supports = subject.spec.supports
    assert supports.discrete or supports.continuous, "it claims neither discrete nor continuous actions"
    walks: dict[str, dict[str, Any]] = {
        "discrete": {"actions": 3},
        "continuous": {"dims": 3},
        "multi_discrete": {"actions": [2, 3]},
        "multi_binary": {"bits": 3},
        "unbounded": {"dims": 3, "bound": np.inf},
        "action_masks": {"actions": 5, "masked": True},
    }
    if not supports.single_agent:  # an agent's actions are Discrete or a Box
        del walks["multi_discrete"], walks["multi_binary"]
    claimed = [kind for kind in walks if getattr(supports, kind)]
    for kind in claimed:
        wrappers = [MASKS] if kind == "action_masks" and supports.single_agent else []  # agents' masks need no wrapper
        subject.play(kwargs={"obs": 5, **walks[kind]}, wrappers=wrappers)
    return " and ".join(kind.replace("_", "-") for kind in claimed)


def budget(subject: Subject) -> str:
    """Check that the algorithm takes exactly its budget of environment steps."""
    steps = subject.round_up(subject.short + 7)
    taken = subject.play(steps=steps).outcome.steps
    assert taken == steps, f"it took {taken} of {steps} steps"
    return f"{taken} of {steps} steps"


def repeatable(subject: Subject) -> str:
    """Check that the same seed produces the same numbers, bit for bit, and that another seed produces other numbers."""
    _require_reproducible(subject)
    one, again, other = (subject.play((seed,)).of_seed(seed) for seed in (SEED, SEED, SEED + 1))
    _require_equal(
        one, again, "differ between two runs of one seed: is there randomness that does not come from `self.streams`?"
    )
    assert one["episodes"] != other["episodes"], "two seeds gave the same episodes: is `self.streams` used at all?"
    return f"{len(one['episodes'])} episodes, {len(one['learned'])} arrays equal"


def stack_mates(subject: Subject) -> str:
    """Check that a run's numbers do not depend on the seeds trained with it, bit for bit."""
    if not subject.spec.stackable:
        raise NotClaimed("stackable=False")
    env_id, kwargs, backend = subject.environment(SHAPES)
    steps = subject.round_up(subject.short)
    conformance.check_independence(subject.algorithm, subject.config, env_id, steps, kwargs, backend=backend)
    return "alone, third of three and second of four: equal"


def evaluation(subject: Subject) -> str:
    """Check that evaluation does not change what is learned."""
    _require_reproducible(subject)
    often, never = (subject.play(every=every).of_seed(SEED) for every in (max(1, subject.short // 5), 0))
    _require_equal(
        {name: often[name] for name in ("episodes", "learned")},
        {name: never[name] for name in ("episodes", "learned")},
        "differ if evaluations happen during training: `act` changes what `train` continues with",
    )
    return "with five evaluations and with none: equal"


def acting(subject: Subject) -> str:
    """Check that `act` returns actions of the right shape and draws only from the stream "evaluate"."""
    try:
        algorithm = subject.play().algorithm
    except RlbenchError as error:  # raised by the evaluation, which has the same requirements
        raise AssertionError(str(error)) from error
    obs = np.zeros((1, 4, *(algorithm.task.observation_space.shape or ())), np.float32)
    with algorithm.streams.only("evaluate"):
        action = np.asarray(algorithm.act(obs))
    shape = (1, 4, *(algorithm.task.action_space.shape or ()))
    assert action.shape == shape, f"for observations {obs.shape} it returned actions {action.shape}, not {shape}"
    return f"observations {obs.shape}: actions {action.shape}"


def resume(subject: Subject) -> str:
    """Check that an interrupted and resumed run ends with the numbers of an uninterrupted one."""
    if not subject.spec.resumable:
        raise NotClaimed("resumable=False")
    env_id, kwargs, backend = subject.environment(SHAPES)
    steps = subject.round_up(subject.short)
    with tempfile.TemporaryDirectory() as folder:
        step = conformance.check_resume(
            subject.algorithm, subject.config, env_id, steps, Path(folder), kwargs, backend=backend
        )
    return f"from step {step} of {steps} on: equal"


def published(subject: Subject) -> str:
    """Check that a new instance that loads the trained instance's `final_state` acts like the trained instance."""
    trained = subject.play().algorithm
    arrays = {name: np.array(value) for name, value in trained.final_state().items()}
    if not arrays:
        raise NotClaimed("`final_state` returned nothing, so there is no policy to check")
    task = trained.task
    fresh = subject.algorithm(subject.config, task, SeedStreams((SEED,)), trained.device)
    fresh.load_final_state(arrays)
    obs = SeedStreams((0,)).normal("observations", 16, *(task.observation_space.shape or ())).astype(np.float32)
    one, other = (np.asarray(algorithm.act(obs)) for algorithm in (trained, fresh))
    assert np.array_equal(one, other), "it acts differently after load_final_state"
    return f"{len(arrays)} arrays, {one.shape[1]} actions equal"


def settings(subject: Subject) -> str:
    """Check that seeds with different values of `per_seed` train as one stack, each with the same bits as alone."""
    names = vars(subject.algorithm).get("per_seed", ())
    if not names or not subject.spec.stackable or (subject.spec.max_stack or 2) < 2:
        raise NotClaimed("`per_seed` is empty")
    unknown = set(names) - {field.name for field in dataclasses.fields(subject.algorithm.Config)}
    assert not unknown, f"per_seed names {', '.join(sorted(unknown))}, which Config does not have"
    others = {name: _other(getattr(subject.config, name)) for name in names}
    other = configure(subject.algorithm.Config, {**subject.params, **others}, subject.spec.name)
    configs = {SEED: subject.config, SEED + 1: other}
    joined = config_of_each_seed(list(configs.values()), names, subject.spec.name)
    together = subject.play(tuple(configs), config=joined)
    for seed, config in configs.items():
        alone = subject.play((seed,), config=config).of_seed(seed)
        _require_equal(together.of_seed(seed), alone, f"of seed {seed} changed beside a seed with other {_list(names)}")
    return f"{len(names)} hyperparameters"


def _other(value: Any) -> Any:
    """Return another value for a hyperparameter that is a number or a schedule: 0.7 times the value, or 0.01 for 0.

    A power of two as the factor, such as 0.5, would hide differences in rounding.
    """
    if isinstance(value, str):
        prefix, _, number = value.rpartition("_")
        return f"{prefix}_{float(number) * 0.7}"
    return value * 0.7 or 0.01


def _list(names: Sequence[str]) -> str:
    return ", ".join(names)


def not_finite(subject: Subject) -> str:
    """Check that a NaN from one seed's environment makes only that seed fail, and that other seeds keep their bits."""
    stacked = subject.spec.stackable and (subject.spec.max_stack or 2) >= 2
    seeds = (7, 8) if stacked else (8,)
    # The second episode of every environment gets a NaN: where processes share the budget, some may get no step.
    ranks = [SeedStreams([8]).sequence("environment", 0, rank) for rank in range(MOST_ENVIRONMENTS)]
    kwargs = subject.walk | {"bad_seeds": [EpisodeSeeds(rank, "training")[1] for rank in ranks]}
    try:
        played = subject.play(seeds, kwargs=kwargs)
    except EnvironmentFault as fault:  # no other seed is left
        return f"seed 8 failed: {fault}"
    assert set(played.outcome.failed) == {8}, f"failed: {sorted(played.outcome.failed) or 'none'}, not seed 8"
    if stacked:
        alone = subject.play((7,), kwargs=kwargs).of_seed(7)
        _require_equal(played.of_seed(7), alone, "of seed 7 changed because of the NaN of seed 8")
    return "seed 8 failed" + ", seed 7 unharmed" * stacked


def nothing_left(subject: Subject) -> str:
    """Check that training leaves no thread and no process behind."""
    subject.play()  # a library may start threads once and keep them; they are not counted
    before = threads_and_children()
    subject.play()
    threads, processes = (len(now - then) for now, then in zip(threads_and_children(), before))
    assert not threads and not processes, f"left behind: {threads} threads, {processes} processes"
    return "none left"


def learns(subject: Subject) -> str:
    """Check that the algorithm learns a bandit: the best of four arms, or the best action in two uneven dimensions.

    The mean return of a random policy is 0.5 for the arms and 0.68 in two dimensions.
    """
    least = 0.9
    returns = _returns(subject, BANDITS)
    assert min(returns) >= least, f"returns {_join(returns)} after {subject.long} steps; {least} is required"
    return f"returns {_join(returns)}"


def truncation(subject: Subject) -> str:
    """Check that truncation is not treated as termination: the state after a truncated step still has a value."""
    if not subject.spec.bootstraps:
        raise NotClaimed("bootstraps=False")
    returns = _returns(subject, CUTS)
    assert float(np.median(returns)) < 1.1, (  # one actor of three may be stuck at a bound
        f"it ends the episode for 1.2 instead of continuing for 1 per step (returns {_join(returns)}): it treats "
        "truncation as termination"
    )
    return "continues past a truncation"


def resets(subject: Subject) -> str:
    """Check that the first action of an episode responds to its first observation, not the previous episode's last."""
    groups = subject.learn(*SIGNALS)
    final = [record.returns for group in groups for record in group.sink.evaluations[-1:] or []]
    trained = []
    for group in groups:
        for seed in group.seeds:
            late = [e.return_ for e in group.sink.episodes if e.seed == seed and e.step > 0.8 * subject.long]
            trained.append(float(np.mean(late)))
    learned = float(np.mean([np.mean(returns) for returns in final]))
    assert learned > 0.9, (
        f"it has not learned to follow the signal (evaluation {learned:.2f}), so resets cannot be checked"
    )
    assert min(trained) > 0.6, (
        f"evaluation is right in {learned:.0%} of episodes, training in {_join(trained)}: it acts on the wrong "
        "observation"
    )
    return f"training is right in {_join(trained)}"


RULES: dict[str, Rule] = {
    rule.__name__.replace("_", "-"): rule
    for rule in (
        *(configuration, spaces, budget, repeatable, evaluation, acting, published, stack_mates, settings, resume),
        *(not_finite, nothing_left, learns, truncation, resets),
    )
}


def _returns(subject: Subject, tasks: Any) -> list[float]:
    """Return the mean final return of each seed after training."""
    returns = []
    for group in subject.learn(*tasks):
        last = {record.seed: float(np.mean(record.returns)) for record in group.sink.evaluations}
        returns += [last[seed] for seed in group.seeds]
    return returns


def _require_equal(one: dict[str, Any], other: dict[str, Any], message: str) -> None:
    for name, value in one.items():
        if isinstance(value, dict) and isinstance(other[name], dict):
            different = [key for key in value if other[name].get(key) != value[key]]
            assert not different, f"{name} ({', '.join(different[:3])}) {message}"
        assert value == other[name], f"{name} {message}"


def _join(values: list[float]) -> str:
    return ", ".join(f"{value:.2f}" for value in values)


def _require_reproducible(subject: Subject) -> None:
    if not subject.spec.reproducible:
        raise NotClaimed("reproducible=False")
