"""`rlbench check` on suites with curricula: what training goes through, and returns that may be out of reach."""

import json

from support.cli import rlbench

SUITE = """
name: s
algorithms: [random]
environments:
  - id: MountainCar-v0
    label: staged
    steps: 3_000
    curriculum:
      stages:
        - {id: MountainCar-v0, until: {return: -60}}
        - {id: MountainCar-v0, kwargs: {max_episode_steps: 500}, until: {return: -60, episodes: 1}}
        - {id: MountainCar-v0, until: {steps: 1_000}}
  - id: CartPole-v1
    steps: 3_000
    anchors: {lower: 20, upper: 500}
    curriculum:
      stages: [{id: CartPole-v1, until: {return: 490}}]
  - id: CartPole-v1
    label: longer
    kwargs: {max_episode_steps: 900}
    steps: 3_000
    anchors: {lower: 20, upper: 800}
    curriculum:
      stages:
        - {id: CartPole-v1, until: {return: 480}}
        - {id: CartPole-v1, kwargs: {max_episode_steps: 900}, until: {return: 850}}
  - id: FrozenLake-v1
    steps: 3_000
    curriculum: {sampler: uniform, tasks: [{id: FrozenLake-v1, kwargs: {is_slippery: false}}]}
  - {id: Acrobot-v1, steps: 400}
seeds: 2
"""
STAGED = [
    "staged: trains in 1. MountainCar-v0 until a mean return of -60 over 20 episodes,"
    " 2. MountainCar-v0 until a mean return of -60 over 1 episode, 3. MountainCar-v0 until 1,000 steps,"
    " then in MountainCar-v0 itself",
    # Not of stage 2: with other arguments it is another task, whose anchors are not known.
    "staged: stage 1 asks for a mean return of -60, but MountainCar-v0 counts as solved at -110, its upper anchor;"
    " check that a policy can reach this return",
]
OTHERS = [
    # 490 is more than the shipped anchor, but not than the suite's own.
    "CartPole-v1: trains in 1. CartPole-v1 until a mean return of 490 over 20 episodes, then in CartPole-v1 itself",
    "longer: trains in 1. CartPole-v1 until a mean return of 480 over 20 episodes,"
    " 2. CartPole-v1 until a mean return of 850 over 20 episodes, then in CartPole-v1 itself",
    # The first stage is another task than the target, so it has the shipped anchors.
    "longer: stage 1 asks for a mean return of 480, but CartPole-v1 counts as solved at 475, its upper anchor;"
    " check that a policy can reach this return",
    "longer: stage 2 asks for a mean return of 850, but CartPole-v1 counts as solved at 800, its upper anchor;"
    " check that a policy can reach this return",
    "FrozenLake-v1: the sampler uniform chooses each episode among FrozenLake-v1 and FrozenLake-v1 itself",
]


def test_check_prints_the_stages_and_which_ask_for_more_than_the_upper_anchor(tmp_path):
    (tmp_path / "s.yaml").write_text(SUITE)

    def said(*options):
        ran = rlbench("check", tmp_path / "s.yaml", "-o", tmp_path / "out", *options)
        assert ran.returncode == 0, ran.stderr
        return ran.stdout

    lines = said().splitlines()
    assert [x for x in lines if " trains in " in x or "stage " in x or "sampler" in x] == [*STAGED, *OTHERS]
    assert json.loads(said("-e", "staged", "--json"))["curricula"] == STAGED
