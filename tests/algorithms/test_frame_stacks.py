"""Learning from stacked frames: the numbers are those of a replay of whole stacks, in any stack of seeds, resumed."""

import pytest
from rlbench_double_dqn.double_dqn import DoubleDQN
from rlbench_dqn.dqn import DQN
from rlbench_dueling_dqn.dueling_dqn import DuelingDQN
from rlbench_per_dqn.per_dqn import PERDQN
from rlbench_qrdqn.qrdqn import QRDQN
from rlbench_rainbow.rainbow import Rainbow
from support.image_worlds import DOTS

from rlbench import FrameStack, Supports, Task
from rlbench.api import Wrapper
from rlbench.env_checks.environment_query import ask_environments
from rlbench.kit import FrameReplay
from rlbench.plugins import load_plugins
from rlbench.suites.compatibility import adapted
from rlbench.testing import play
from rlbench.testing.conformance import check_independence, check_resume

STACK = Wrapper("gymnasium.wrappers:FrameStackObservation", {"stack_size": 3})
WRAPPERS = (STACK, Wrapper("rlbench.envs.image_observation:ImageObservation"))
VALUES = {"net_arch": (16,), "batch_size": 8, "learning_starts": 20, "train_freq": 4, "buffer_size": 60}
CASES = [
    (DQN, {}),
    (DoubleDQN, {"n_envs": 2}),
    (DuelingDQN, {}),
    (DuelingDQN, {"n_envs": 2, "multi_step_returns": 3}),
    (PERDQN, {"multi_step_returns": 3}),
    (QRDQN, {"n_quantiles": 5}),
    (Rainbow, {"n_atoms": 5, "stream_hidden": 16}),
]
each = pytest.mark.parametrize(("algorithm", "more"), CASES)


@each
@pytest.mark.parametrize("channels", [0, 2])
def test_a_run_is_the_one_with_a_replay_of_whole_stacks(algorithm, more, channels, monkeypatch):
    def run():
        return play(algorithm, config, DOTS, [1, 3], 160, kwargs={"channels": channels}, wrappers=WRAPPERS)

    config = algorithm.Config(**VALUES, **more)
    once = run()
    monkeypatch.setattr(FrameStack, "frames", property(lambda space: 1, lambda space, number: None), raising=False)
    whole = run()
    for played, is_once in ((once, True), (whole, False)):
        replay = played.algorithm.replay
        assert isinstance(getattr(replay, "ring", replay), FrameReplay) is is_once
    for name, values in once.learned.items():
        if not name.startswith("replay") or name.endswith("priority"):
            assert values.tobytes() == whole.learned[name].tobytes(), name
    assert [m.value for m in once.sink.metrics] == [m.value for m in whole.sink.metrics]


@each
def test_a_seed_is_the_same_alone_and_in_a_stack(algorithm, more):
    check_independence(algorithm, algorithm.Config(**VALUES, **more), DOTS, 160, wrappers=WRAPPERS)


@each
def test_a_resumed_run_is_the_uninterrupted_one(algorithm, more, tmp_path):
    config = algorithm.Config(**VALUES, **more)
    assert 0 < check_resume(algorithm, config, DOTS, 160, tmp_path, wrappers=WRAPPERS) < 160


@pytest.mark.parametrize(("channels", "shape"), [(0, (3, 6, 6)), (2, (6, 6, 6))])
def test_what_is_known_of_a_stack_reaches_the_plan(channels, shape):
    task = Task(DOTS, 10, kwargs={"channels": channels}, wrappers=(STACK,))
    (facts,) = ask_environments(load_plugins(), [task])
    assert isinstance(facts.observation_space, FrameStack)
    supports = Supports(discrete=True, pixels=True)
    planned, (shown, _) = adapted(task, (facts.observation_space, facts.action_space), supports)
    assert planned.wrappers == WRAPPERS and shown.shape == shape and shown.frames == 3
