"""Values by reference, registrations and reset options: what an environment gets, and what is said if it cannot."""

import sys

import gymnasium
import numpy as np
import pytest

from rlbench.api import RlbenchError, Task, Wrapper
from rlbench.envs.gymnasium_backend import make_batch, make_env
from rlbench.envs.metered_env import MeteredEnv
from rlbench.envs.references import problem_of, resolved
from rlbench.envs.registrations import call_registrations
from rlbench.envs.vectorized_classic import Lanes

STARTS = """
import gymnasium, numpy as np

CALLS = []

class Starts(gymnasium.Env):
    '''Shows the options of its last reset, and what its keyword argument makes of 3.'''
    observation_space = gymnasium.spaces.Box(-9, 9, (2,), np.float32)
    action_space = gymnasium.spaces.Discrete(2)
    def __init__(self, f=abs):
        self.f = f
    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        start = options.pop('at') if options else 0
        return np.array([start, self.f(3)], np.float32), {}
    def step(self, action):
        return np.zeros(2, np.float32), 1.0, False, True, {}

def register_envs():
    CALLS.append('register_envs')
    gymnasium.register('Starts-v0', Starts)

def fails():
    raise KeyError('no licence')
"""


@pytest.fixture
def starts(tmp_path, monkeypatch):
    (tmp_path / "starts_module.py").write_text(STARTS)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr("rlbench.envs.registrations._CALLED", set())
    yield "starts_module:register_envs"
    gymnasium.registry.pop("Starts-v0", None)
    sys.modules.pop("starts_module", None)


def test_references_become_values_wherever_they_are():
    given = {"f": {"$import": "numpy:sign"}, "deep": [{"w": {"$array": [1, 0], "dtype": "float32"}}], "x": 1}
    values = resolved(given)
    assert values["f"] is np.sign and values["x"] == 1
    array = values["deep"][0]["w"]
    assert array.dtype == np.float32 and array.tolist() == [1, 0]


def test_a_tuple_is_one_for_a_wrapper_that_takes_no_list():
    assert resolved({"shape": {"$tuple": [2, 3]}}) == {"shape": (2, 3)}


def test_arguments_without_references_stay_the_same_object():
    given = {"a": [1, {"b": 2}]}
    assert resolved(given) is given


def test_a_name_may_lead_into_a_class():
    assert resolved({"$import": "collections:OrderedDict.fromkeys"}) == __import__("collections").OrderedDict.fromkeys


@pytest.mark.parametrize(
    "reference, said",
    [
        ({"$imprt": "numpy:sign"}, "unknown key '$imprt'; did you mean '$import'?"),
        ({"$function": "numpy:sign"}, "unknown key '$function'; known: $import, $array, $tuple"),
        ({"$import": "numpy.sign"}, '$import should be "module:name", such as "numpy:sign", got \'numpy.sign\''),
        ({"$import": 3}, "got 3"),
        ({"$import": "numpy:sign", "dtype": "float32"}, "got the keys '$import', 'dtype'"),
        ({"$import": "numpy:sign", "$array": [1]}, "got the keys '$import', '$array'"),
        ({"$array": [[1], [2, 3]]}, "$array cannot be made an array"),
        ({"$tuple": 3}, "$tuple should be a list, got 3"),
        ({"$array": ["a"]}, "it should contain numbers"),
        ({"$array": [1], "dtype": "float33"}, "float33"),
    ],
)
def test_a_wrong_reference_is_told(reference, said):
    assert said in problem_of(reference)
    with pytest.raises(RlbenchError, match="kwargs.f: "):
        resolved({"f": reference}, ("kwargs",))


def test_what_a_module_lacks_is_told_with_its_place_and_the_nearest_name():
    with pytest.raises(RlbenchError, match=r"^wrappers.0.kwargs.func: 'numpy' has no 'arrray'; did you mean 'array'\?"):
        resolved({"func": {"$import": "numpy:arrray"}}, ("wrappers", 0, "kwargs"))
    with pytest.raises(RlbenchError, match="'no_such_module' cannot be imported: ModuleNotFoundError"):
        resolved({"$import": "no_such_module:f"})


def test_environments_and_wrappers_get_values(starts):
    func = {"func": {"$import": "math:exp"}}
    wrapper = Wrapper("gymnasium.wrappers:TransformReward", func)
    task = Task("Starts-v0", 1, kwargs={"f": {"$import": "math:sqrt"}}, wrappers=(wrapper,), register=(starts,))
    env = make_env(task)
    assert env.reset(seed=0)[0].tolist() == [0, np.float32(3**0.5)]
    assert env.step(0)[1] == pytest.approx(2.718281828459045)


def test_a_registration_is_called_once_in_a_process(starts):
    for _ in range(2):
        make_env(Task("Starts-v0", 1, register=(starts,)))
        make_batch(Task("Starts-v0", 1, register=(starts,)), 2)
    assert sys.modules["starts_module"].CALLS == ["register_envs"]


@pytest.mark.parametrize(
    "name, said",
    [
        ("starts_module:fails", r"starts_module:fails\(\) failed: KeyError: 'no licence'"),
        ("starts_module:CALLS", "starts_module:CALLS is of type list; `register` takes functions"),
        ("starts_module:register", "'starts_module' has no 'register'; did you mean 'register_envs'"),
    ],
)
def test_a_registration_that_fails_says_why(starts, name, said):
    with pytest.raises(RlbenchError, match=said):
        call_registrations([name])


def test_every_reset_has_the_options_of_the_task(starts):
    task = Task("Starts-v0", 3, reset_options={"at": 5}, register=(starts,))
    batch = make_batch(task, 4)
    assert [batch.reset(lane, 0)[0] for lane in (0, 1, 0, 0)] == [5] * 4  # although the environment removes them


def test_a_library_that_resets_itself_has_the_options_too(starts):
    class Counter:
        steps, finished = 0, False

        def spend(self, steps): ...
        def record(self, episode): ...
        def advance(self): ...

    task = Task("Starts-v0", 3, reset_options={"at": 5}, register=(starts,))
    env = MeteredEnv(make_env(task), Counter(), [0, 1], 0, 0)
    assert env.reset(options={"at": 8})[0][0] == 5


def test_options_reach_a_classic_task_that_is_vectorised_without_them():
    plain, set_up = Task("CartPole-v1", 1), Task("CartPole-v1", 1, reset_options={"low": 0.5, "high": 0.5})
    assert isinstance(make_batch(plain, 8), Lanes)
    assert make_batch(set_up, 8).reset(7, 0).tolist() == [0.5] * 4
