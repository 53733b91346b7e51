"""Reference learners of one-step games of two agents with tables of values: independent, additive (VDN) and joint.

They are written for the games' tests and know nothing of rlbench's own algorithms. Sources: Claus & Boutilier 1998
(independent and joint Q-learning); Sunehag et al. 2017, arXiv:1706.05296 (VDN).
"""

import numpy as np

ALPHA, LEAST_EPSILON, STEPS = 0.1, 0.05, 10_000


def greedy_payoffs(payoffs, learner, seeds, steps=STEPS):
    """Train one pair of agents for each seed, side by side. Returns: the payoff [seeds] of the greedy pair at the end.

    payoffs: [actions, actions]. learner: "independent", "vdn" or "joint". Each agent explores with a probability that
    falls linearly from 1 to 0.05 within the first half of the steps.
    """
    payoffs = np.asarray(payoffs, float)
    actions, runs = len(payoffs), np.arange(len(seeds))
    generators = [np.random.default_rng(seed) for seed in seeds]
    uniform = np.stack([generator.random((steps, 2)) for generator in generators], 1)
    choices = np.stack([generator.integers(actions, size=(steps, 2)) for generator in generators], 1)
    epsilons = np.maximum(LEAST_EPSILON, 1 - np.arange(steps) / (0.5 * steps))
    values = np.zeros((len(seeds), actions * actions) if learner == "joint" else (len(seeds), 2, actions))
    for step in range(steps):
        pairs = np.where(uniform[step] < epsilons[step], choices[step], _greedy(values, actions))
        first, second = pairs.T
        _update(values, learner, runs, first, second, payoffs[first, second])
    first, second = _greedy(values, actions).T
    return payoffs[first, second]


def _greedy(values, actions):
    """Return the pairs [seeds, 2] of greedy actions. values: [seeds, pairs] or [seeds, agents, actions]."""
    return np.stack(np.divmod(values.argmax(1), actions), 1) if values.ndim == 2 else values.argmax(2)


def _update(values, learner, runs, first, second, payoffs):
    """Move the values of the actions that were played by ALPHA of their error."""
    if learner == "joint":
        played = first * int(values.shape[1] ** 0.5) + second
        values[runs, played] += ALPHA * (payoffs - values[runs, played])
        return
    own = values[runs, 0, first], values[runs, 1, second]
    predictions = (sum(own), sum(own)) if learner == "vdn" else own
    values[runs, 0, first] += ALPHA * (payoffs - predictions[0])
    values[runs, 1, second] += ALPHA * (payoffs - predictions[1])
