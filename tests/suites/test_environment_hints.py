"""What to do if an environment cannot be made: the module that registers its id, or what to install."""

import re
import sys
from importlib.machinery import ModuleSpec

import gymnasium
import pytest

from rlbench.suites.environment_hints import PACKAGES, install_hint


@pytest.fixture
def only(monkeypatch):
    """Let the given modules alone be importable."""

    def pretend(*modules):
        monkeypatch.setattr(
            "rlbench.suites.environment_hints.find_spec",
            lambda name: ModuleSpec(name, None) if name in modules else None,
        )

    return pretend


def error_of(env_id):
    """Return what Gymnasium says of an id that no module has registered."""
    with pytest.raises(gymnasium.error.Error) as error:
        gymnasium.make(env_id)
    return str(error.value)


@pytest.mark.parametrize(
    "env_id, module, installed, missing",
    [
        (
            "ALE/Pong-v5",
            "ale_py",
            "write ale_py:ALE/Pong-v5",
            'pip install "rlbench[atari]" and write ale_py:ALE/Pong-v5',
        ),
        (
            "MiniGrid-Empty-5x5-v0",
            "minigrid",
            "write minigrid:MiniGrid-Empty-5x5-v0",
            "pip install minigrid and write minigrid:MiniGrid-Empty-5x5-v0",
        ),
        (
            "highway-fast-v0",
            "highway_env",
            "write highway_env:highway-fast-v0",
            "pip install highway-env and write highway_env:highway-fast-v0",
        ),
        (
            "MinAtar/Breakout-v1",
            "minatar",
            "add `register: minatar.gym:register_envs` to the suite",
            "pip install minatar and add `register: minatar.gym:register_envs` to the suite",
        ),
        (
            "mo-mountaincar-v0",
            "mo_gymnasium",
            "write mo_gymnasium:mo-mountaincar-v0",
            "pip install mo-gymnasium and write mo_gymnasium:mo-mountaincar-v0",
        ),
    ],
)
def test_an_id_of_a_package_names_the_module_and_what_to_install_only_if_it_is_missing(
    only, env_id, module, installed, missing
):
    error = error_of(env_id)
    only(module)
    assert install_hint(env_id, error) == f"; {installed}"
    only()
    assert install_hint(env_id, error) == f"; {missing}"


def test_a_module_that_is_named_and_registers_by_a_call_is_told(only):
    only("minatar")
    hint = install_hint("minatar.gym:MinAtar/Breakout-v1", error_of("MinAtar/Breakout-v1"))
    assert hint == "; write MinAtar/Breakout-v1 and add `register: minatar.gym:register_envs` to the suite"


def test_a_missing_module_is_installed_by_the_name_of_its_distribution(only):
    only()
    assert install_hint("highway_env:highway-v0", "No module named 'highway_env'. Environment registration …") == (
        "; pip install highway-env"
    )
    assert "run in the folder of own.py" in install_hint("own:Mine-v0", "No module named 'own'")


def test_gymnasium_itself_suggests_what_a_misspelt_id_means():
    error = error_of("CartPol-v1")
    assert "Did you mean: `CartPole`?" in error and install_hint("CartPol-v1", error) == ""


def test_an_unknown_id_is_told_how_a_package_is_named():
    assert install_hint("Nowhere-v0", error_of("Nowhere-v0")).startswith("; if a package has this id, write module:ID")


@pytest.mark.parametrize("word, module, extra", [("MuJoCo", "mujoco", "mujoco"), ("Box2D", "Box2D", "box2d")])
def test_an_extra_is_named_only_where_its_module_is_missing(only, word, module, extra):
    error = f"DependencyNotInstalled: {word} is not installed"
    only()
    assert install_hint("X-v0", error) == f'; pip install "rlbench[{extra}]"'
    only(module)
    assert install_hint("X-v0", error) == ""


def test_no_pattern_claims_an_id_of_gymnasium_itself():
    own = [spec.id for spec in gymnasium.registry.values() if "gymnasium.envs" in str(spec.entry_point)]
    assert len(own) > 30
    assert [env_id for env_id in own if any(re.match(package.ids, env_id) for package in PACKAGES)] == []
    assert not {package.module for package in PACKAGES} & sys.stdlib_module_names
