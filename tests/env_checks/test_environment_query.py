"""Environments are made, reset and stepped in child processes; what misbehaves costs a message and nothing else."""

import os
import signal
import subprocess
import sys

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from hypothesis import given
from hypothesis import strategies as st

from rlbench import Task
from rlbench.api import Wrapper
from rlbench.env_checks import environment_query
from rlbench.env_checks.environment_check import EnvironmentFacts, check_environment
from rlbench.env_checks.environment_query import ask_environments
from rlbench.env_checks.space_descriptions import describe_space, space_from
from rlbench.envs.gymnasium_backend import make_env
from rlbench.plugins import load_plugins

MODULE = '''
import os, signal, sys, threading, time
import gymnasium
import numpy as np
from gymnasium.spaces import Box, Dict, Discrete

print("a banner")
os.write(1, b"another one, from C")


class Line(gymnasium.Env):
    """A walk on a line, 20 steps."""

    observation_space = Box(-10, 10, (2,), np.float32)
    action_space = Discrete(2)
    length = 20

    def observe(self):
        return np.array([self.x, self.t / 20], np.float32)

    def begin(self):
        return float(self.np_random.uniform(-1, 1))

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.t, self.x = 0, self.begin()
        return self.observe(), {}

    def step(self, action):
        self.t += 1
        self.x += 0.1 if action else -0.1
        return self.observe(), self.x, False, self.t >= self.length, {}


class Exits(Line):
    def __init__(self):
        raise SystemExit(0)


class Crashes(Line):
    def __init__(self):
        os.kill(os.getpid(), signal.SIGSEGV)


class Hangs(Line):
    def step(self, action):
        time.sleep(1000)


class Leaves(Line):
    """Leaves a thread behind that never ends."""

    def __init__(self):
        threading.Thread(target=time.sleep, args=(1000,)).start()


class Vector(Line):
    def step(self, action):
        obs, reward, *rest = super().step(action)
        return obs, np.array([reward]), *rest


class Column(Line):
    def observe(self):
        return super().observe()[:, None]


class Lacks(Line):
    observation_space = Dict({"where": Line.observation_space, "goal": Box(0, 1, (3,))})

    def observe(self):
        return {"where": np.zeros(2, np.float32)}


class Bare(Line):
    def reset(self, *, seed=None, options=None):
        return super().reset(seed=seed)[0]


class Legacy(Line):
    """Draws from numpy's process-wide generator."""

    def begin(self):
        return float(np.random.uniform(-1, 1))


class Fresh(Line):
    """Draws from a generator that nobody seeds."""

    def begin(self):
        return float(np.random.default_rng().uniform(-1, 1))


class Used(Line):
    """Its second episode begins elsewhere than its first, in the same way in each new environment."""

    episodes = 0

    def begin(self):
        self.episodes += 1
        return super().begin() + (0.5 if self.episodes > 1 else 0)


class Forks(Line):
    """Forks and waits for the copy, which comes back from the step as well, with other actions for all that follow."""

    def step(self, action):
        if self.t == 0 and not getattr(Forks, "forked", False):
            Forks.forked = True
            copy = os.fork()
            if copy == 0:
                Line.action_space = Discrete(7)
            else:
                os.waitpid(copy, 0)
        return super().step(action)


class Moves(Line):
    """Leaves the process in another state, in which the next environment cannot be made."""

    def __init__(self):
        os.environ.clear()


class Home(Line):
    def __init__(self):
        os.environ["HOME"]


class Shares(Line):
    """Its instances have one position."""

    @property
    def x(self):
        return Shares.where

    @x.setter
    def x(self, value):
        Shares.where = value


class Respaced(Line):
    """Makes its action space anew at each reset, as highway-env does."""

    def reset(self, *, seed=None, options=None):
        self.action_space = Discrete(2)
        return super().reset(seed=seed)


class Endless(Line):
    length = 10**12


class Masked(Line):
    def reset(self, *, seed=None, options=None):
        return super().reset(seed=seed)[0], {"action_mask": np.array([1, 0], np.int8)}


for cls in list(globals().values()):
    if isinstance(cls, type) and issubclass(cls, Line):
        gymnasium.register(f"{cls.__name__}-v0", entry_point=f"{__name__}:{cls.__name__}")
'''


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    """Ask for all environments of the module at once; return the answers by name."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("lines")
        (folder / "lines.py").write_text(MODULE)
        patch.syspath_prepend(folder)
        names = [line.split()[1].split("(")[0] for line in MODULE.splitlines() if line.startswith("class ")]
        names.remove("Hangs")
        tasks = [Task(f"lines:{name}-v0", 10) for name in names]
        patch.setattr(environment_query.os, "cpu_count", lambda: 1)  # so that one child is asked for all
        return dict(zip(names, ask_environments(load_plugins(), tasks)))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Exits", "cannot be made: SystemExit: 0"),
        ("Crashes", "cannot be used: killed by SIGSEGV while it was made, reset or stepped"),
        ("Vector", "its step gave a reward of shape (1,); a number is needed"),
        ("Column", "its reset gave an observation of shape (2, 1); its space has shape (2,)"),
        ("Lacks", "its reset gave an observation without the key 'goal'"),
        ("Bare", "its reset gave one value of type ndarray; (observation, info) is needed"),
    ],
)
def test_a_fault_is_said_in_words_and_spoils_no_other_answer(answers, name, words):
    assert answers[name] == words


def test_a_good_environment_has_its_spaces_and_nothing_to_say(answers):
    line = answers["Line"]
    assert line.observation_space == spaces.Box(-10, 10, (2,), np.float32) and line.action_space == spaces.Discrete(2)
    assert line.repeats and line.ended and line.time_limit is None and not line.gives_masks
    assert answers["Leaves"].repeats and answers["Masked"].gives_masks and not answers["Endless"].ended


def test_an_environment_that_ignores_its_seed_is_found_and_one_that_depends_on_its_use_is_not_it(answers):
    assert not answers["Legacy"].repeats and not answers["Fresh"].repeats
    assert answers["Used"].repeats


def test_an_environment_spoils_no_answer_about_another(answers):
    assert all(
        answers[name].repeats and answers[name].action_space == spaces.Discrete(2) for name in ("Forks", "Home", "Used")
    )
    assert answers["Endless"].action_space == answers["Masked"].action_space == spaces.Discrete(2)


def test_instances_that_share_state_are_found(answers):
    assert answers["Shares"].shares_state
    assert not any(answers[name].shares_state for name in ("Line", "Used", "Masked", "Leaves"))


def test_actions_are_the_same_where_the_action_space_is_made_anew_at_each_reset(answers):
    assert answers["Respaced"].repeats


def test_what_environments_print_reaches_neither_stdout_nor_stderr(tmp_path, monkeypatch, capfd):
    (tmp_path / "loud.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    assert isinstance(ask_environments(load_plugins(), [Task("loud:Line-v0", 10)])[0], EnvironmentFacts)
    assert capfd.readouterr() == ("", "")


def test_a_child_that_has_answered_ends_whatever_its_environments_have_left(tmp_path, monkeypatch):
    left = "sys.stdout = None\nthreading.Thread(target=time.sleep, args=(1000,)).start()\n"
    (tmp_path / "leaves.py").write_text(MODULE + left)
    monkeypatch.syspath_prepend(tmp_path)
    ended = []
    ask = environment_query.run_query
    monkeypatch.setattr(environment_query, "run_query", lambda *given: ended.append(ask(*given)) or ended[-1])
    monkeypatch.setattr(environment_query, "_GRACE_SECONDS", 20)
    ask_environments(load_plugins(), [Task("leaves:Line-v0", 10)], seconds=10)
    assert [exit_.code for exit_ in ended] == [0]  # None: it was killed at its limit


def test_an_answer_that_is_not_whole_is_no_answer(tmp_path):
    (tmp_path / "answers").write_text('{"task": 0, "fault": "a"}\n{"task": 1, "fau')
    assert environment_query._read(tmp_path / "answers") == [{"task": 0, "fault": "a"}]
    (tmp_path / "answers").write_text('{"task": 0, "fault": "a"}\n{"task": 0, "fault": "b"}\n')
    assert environment_query._read(tmp_path / "answers") == [{"task": 0, "fault": "a"}]


def test_ctrl_c_ends_a_check_whose_environment_hangs(tmp_path):
    os.mkfifo(tmp_path / "begun")
    said = MODULE.replace(
        "time.sleep(1000)\n\n\nclass Leaves", "open('begun', 'w').close(); time.sleep(1000)\n\n\nclass Leaves"
    )
    (tmp_path / "hangs.py").write_text(said)
    (tmp_path / "s.yaml").write_text(
        "{name: s, algorithms: [random], environments: [{id: 'hangs:Hangs-v0', steps: 9}], seeds: 1}"
    )
    command = [sys.executable, "-m", "rlbench.cli.main", "check", "s.yaml"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        open(tmp_path / "begun").close()  # until the environment is stepped
        process.send_signal(signal.SIGINT)
        assert process.wait(30) != 0  # the environment would have 60 s


def test_an_environment_that_hangs_is_given_up(tmp_path, monkeypatch):
    (tmp_path / "slow.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    (answer,) = ask_environments(load_plugins(), [Task("slow:Hangs-v0", 10)], seconds=1.5)
    assert answer == "cannot be used: took over 1.5 s to be made, reset and stepped"


def test_an_answer_is_cached_until_a_module_of_the_environment_changes(tmp_path, monkeypatch):
    module = tmp_path / "cached.py"
    module.write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    tasks = [Task("cached:Line-v0", 10)]
    assert ask_environments(load_plugins(), tasks)[0].ended
    with monkeypatch.context() as patch:
        patch.setattr(environment_query, "run_query", None)  # no child is started
        assert ask_environments(load_plugins(), [Task("cached:Line-v0", 99)])[0].ended
    module.write_text(MODULE.replace("length = 20", "length = 300"))
    assert not ask_environments(load_plugins(), tasks)[0].ended


def test_an_id_that_only_this_process_knows_is_asked_here(capfd, registry):
    class Mine(gymnasium.Env):
        observation_space, action_space = spaces.Box(0, 1, (1,), np.float32), spaces.Discrete(3)

        def reset(self, *, seed=None, options=None):
            print("mine")
            return np.zeros(1, np.float32), {}

        def step(self, action):
            return np.zeros(1, np.float32), 0.0, True, False, {}

    gymnasium.register("Mine-v0", entry_point=Mine)
    (facts,) = ask_environments(load_plugins(), [Task("Mine-v0", 10)])
    assert facts.action_space == spaces.Discrete(3) and capfd.readouterr().out == ""


def test_an_id_that_two_plugin_files_register_has_the_answer_of_the_file_that_is_loaded(tmp_path, registry):
    text = "import gymnasium\ngymnasium.register('Twice-v0', 'gymnasium.envs.classic_control:{name}', max_episode_steps=9)\n"
    sizes = []
    for name in ("CartPoleEnv", "MountainCarEnv", "CartPoleEnv"):
        (tmp_path / f"{name}.py").write_text(text.format(name=name))
        gymnasium.registry.pop("Twice-v0", None)
        (facts,) = ask_environments(load_plugins([tmp_path / f"{name}.py"]), [Task("Twice-v0", 10)])
        sizes.append(facts.action_space.n)
    assert sizes == [2, 3, 2]


@pytest.mark.parametrize(
    ("wrapper", "key"), [("NormalizeReward", "normalize_reward"), ("NormalizeObservation", "normalize_obs")]
)
def test_a_wrapper_with_running_statistics_is_refused_with_the_way_out(wrapper, key):
    task = Task("CartPole-v1", 10, wrappers=(Wrapper(f"gymnasium.wrappers:{wrapper}"),))
    (answer,) = ask_environments(load_plugins(), [task])
    assert answer.startswith(f"the wrapper {wrapper} keeps running statistics") and f"`{key}: true`" in answer


def test_a_time_limit_of_the_task_is_found():
    facts = check_environment(Task("Pendulum-v1", 10, kwargs={"max_episode_steps": 70}), make_env)
    assert facts.time_limit == 70 and facts.ended


BOXES = [
    spaces.Box(-1, 1, (3,), np.float32),
    spaces.Box(np.array([-np.inf, 0.0]), np.array([1.0, np.inf]), dtype=np.float64),
    spaces.Box(0, 255, (4, 4, 3), np.uint8),
    spaces.Box(-5, 5, (), np.int64),
    spaces.Box(0, 1, (0,), np.float32),
]
leaves = st.one_of(
    st.sampled_from(BOXES),
    st.builds(lambda n, start: spaces.Discrete(n, start=start), st.integers(1, 9), st.integers(-3, 3)),
    st.builds(spaces.MultiDiscrete, st.lists(st.integers(1, 5), min_size=1, max_size=4)),
    st.builds(spaces.MultiBinary, st.integers(1, 4)),
    st.builds(spaces.MultiBinary, st.lists(st.integers(1, 3), min_size=2, max_size=2)),
    st.builds(spaces.Text, st.integers(1, 9)),
)
trees = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(spaces.Tuple, st.lists(inner, max_size=3)),
        st.builds(spaces.Dict, st.dictionaries(st.text("abc", min_size=1, max_size=3), inner, max_size=3)),
    ),
    max_leaves=6,
)


@given(trees)
def test_a_space_comes_back_from_its_description_as_it_was(space):
    import json

    assert space_from(json.loads(json.dumps(describe_space(space)))) == space


def test_a_space_of_an_unknown_kind_keeps_its_name_and_text():
    graph = spaces.Graph(spaces.Box(0, 1, (2,)), None)
    found = space_from(describe_space(graph))
    assert found.kind == "Graph" and str(found) == str(graph)
