"""Environment ids for the names of DeepMind Control and Atari tasks in published results."""

from __future__ import annotations

from collections.abc import Mapping

# The tasks of dm_control's suite, by domain. Projects also have their own tasks with similar names: they get no id.
_CONTROL: Mapping[str, str] = {
    "acrobot": "swingup swingup_sparse",
    "ball_in_cup": "catch",
    "cartpole": "balance balance_sparse swingup swingup_sparse two_poles three_poles",
    "cheetah": "run",
    "dog": "stand walk trot run fetch",
    "finger": "spin turn_easy turn_hard",
    "fish": "upright swim",
    "hopper": "stand hop",
    "humanoid": "stand walk run run_pure_state",
    "humanoid_CMU": "stand walk run",
    "lqr": "lqr_2_1 lqr_6_2",
    "manipulator": "bring_ball bring_peg insert_ball insert_peg",
    "pendulum": "swingup",
    "point_mass": "easy hard",
    "quadruped": "walk run escape fetch",
    "reacher": "easy hard",
    "stacker": "stack_2 stack_4",
    "swimmer": "swimmer6 swimmer15",
    "walker": "stand walk run",
}
_SHORT_DOMAINS = {"cup": "ball_in_cup", "pointmass": "point_mass"}
_CONTROL_IDS = {
    f"{domain}_{task}": f"dm_control/{domain}-{task}-v0" for domain, tasks in _CONTROL.items() for task in tasks.split()
}


def control_id(name: str) -> str | None:
    """Return the id under which shimmy registers a task of DeepMind Control; None for other tasks.

    name: domain and task, joined by hyphens or underscores, such as `cup-catch` or `ball_in_cup_catch`.
    """
    words = name.replace("-", "_")
    domain, _, task = words.partition("_")
    return _CONTROL_IDS.get(words) or _CONTROL_IDS.get(f"{_SHORT_DOMAINS.get(domain, domain)}_{task}")


def atari_id(name: str) -> str:
    """Return the id under which ale_py registers a game. name: its words joined by underscores, such as `up_n_down`."""
    words = "jamesbond" if name == "james_bond" else name
    return f"ALE/{''.join(word.capitalize() for word in words.split('_'))}-v5"
