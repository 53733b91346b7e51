"""The key `curriculum` of an environment: each problem is reported at its place, and the plan has the stages."""

from dataclasses import replace

import pytest
from gymnasium.spaces import Box, Dict, Text

from rlbench.api import SuiteError, canonical
from rlbench.plugins import load_plugins
from rlbench.suites import plan, planned_tasks, read_suite
from rlbench.suites.suite_of_runs import as_yaml, suite_of_runs

HEAD = "name: s\nalgorithms: [{algorithms}]\nseeds: 2\nenvironments:\n"
LAKE = "{id: FrozenLake8x8-v1, kwargs: {is_slippery: false}"
OWN = """
from rlbench import SamplerSpec, hookimpl
class First:
    def __init__(self, tasks): ...
    def choose(self, generator): return 0
    def update(self, task, episode_return): ...
    def state(self): return {}
    def load(self, state): ...
@hookimpl
def rlbench_samplers():
    return [SamplerSpec("own/first", First)]
"""


def planned(tmp_path, text, algorithms="random", files=()):
    (tmp_path / "s.yaml").write_text(HEAD.format(algorithms=algorithms) + text)
    return plan(read_suite(tmp_path / "s.yaml"), load_plugins(files))


def problems(tmp_path, text, algorithms="random"):
    with pytest.raises(SuiteError) as error:
        planned(tmp_path, text, algorithms)
    return [line.split("s.yaml:")[1] for line in str(error.value).splitlines() if ": error: " in line]


def test_each_problem_of_a_curriculum_is_at_its_place(tmp_path):
    found = problems(
        tmp_path,
        "  - id: FrozenLake8x8-v1\n"  # line 5
        "    steps: 1_000\n"
        "    curriculum:\n"
        "      stages:\n"
        "        - {id: FrozenLake-v1, until: {steps: 100}}\n"
        "        - {id: FrozenLake8x9-v1, until: {steps: 100}}\n"
        "        - {id: MiniGrid-DoorKey-5x5-v0, until: {return: 0.5}}\n"
        "        - id: FrozenLake8x8-v1\n"
        "          until: {steps: 1}\n"
        "  - {id: CartPole-v1, steps: 400, curriculum: {sampler: uniforn, tasks: [{id: CartPole-v1}]}}\n"
        "  - {id: MountainCar-v0, steps: 400, backend: envpool, curriculum: {sampler: uniform, tasks: [{id: MountainCar-v0}]}}\n"
        "  - id: Acrobot-v1\n"
        "    steps: 400\n"
        "    per_algorithm: {random: {steps: 300}}\n"
        "    curriculum:\n"
        "      stages: [{id: Acrobot-v1, until: {steps: 300}}]\n"
        "  - id: Pendulum-v1\n"
        "    steps: 400\n"
        "    curriculum:\n"
        "      stages:\n"
        "        - {id: Pendulum-v1, kwargs: {g: {$import: 'no_such:g'}}, until: {return: 3}}\n"
        "        - {id: Pendulum-v1, reset_options: {$import: 'math:pi'}, until: {return: 3}}\n"
        "  - id: CartPole-v1\n"
        "    label: other spaces\n"
        "    steps: 400\n"
        "    curriculum:\n"
        "      stages: [{id: MountainCar-v0, until: {return: -110}}]\n",
    )
    said = [
        (
            "9:",
            "FrozenLake-v1: its observation space is Discrete(16), the target's Discrete(64); they have to be equal:"
            " use FrozenLake8x8-v1 with other `kwargs` (such as `desc` of FrozenLake), or add `wrappers`",
        ),
        ("10:", "Did you mean: `FrozenLake8x8`?"),
        ("11:", "write minigrid:MiniGrid-DoorKey-5x5-v0"),
        ("14:", "nothing called 'uniforn' is installed; did you mean 'uniform'?"),
        ("15:", "environments of the backend envpool take no curriculum"),
        ("20:", "its stages take 300 steps, which leaves none of 300 for Acrobot-v1 itself"),
        ("25:", "'no_such' cannot be imported"),
        ("26:", "reset_options is a mapping of names to values; only a value may be a reference"),
        ("31:", "; its action space is Discrete(3), the target's Discrete(2); they have to be equal: use CartPole-v1"),
    ]
    assert len(found) == len(said), found
    for line, (place, text) in zip(found, said):
        assert line.startswith(place) and text in line, line


def test_what_belongs_to_no_curriculum_is_told_before_anything_is_made(tmp_path):
    entries = {
        "{stages: [{id: A}]}": "'until' is missing; write `until: {steps: 10_000}` or `until: {return: 0.8}`",
        "{stages: [{id: A, until: {}}]}": "should have either steps or return: `until: {steps: 10_000}` or",
        "{stages: [{id: A, until: {reward: -13}}]}": "unknown key 'reward'; did you mean 'return'?",
        "{stages: [{id: A, until: {reward: -13, return: 2}}]}": "unknown key 'reward'; known keys: steps, return",
        "{stages: [{id: A, until: {whatever: -13}}]}": "unknown key 'whatever'; known keys: steps, return, episodes",
        "{levels: [{id: A}]}": "unknown key 'levels'; known keys: stages, sampler, tasks",
        "{stages: [{id: A, until: {steps: 3, return: 3}}]}": "should have either steps or return, not both",
        "{stages: [{id: A, until: {steps: 3, episodes: 3}}]}": "should have episodes only with return",
        "{stages: [{id: A, until: {return: .nan}}]}": "should have a finite return, got nan",
        "{stages: [{id: A, untl: {steps: 3}}]}": "unknown key 'untl'; did you mean 'until'?",
        "{sampler: uniform, tasks: [{id: A, until: {steps: 3}}]}": "unknown key 'until'",
        "{sampler: uniform}": "should have tasks",
        "{tasks: [{id: A}]}": "should have a sampler",
        "{}": "should have stages, or a sampler and tasks",
        "{sampler: uniform, stages: [{id: A, until: {steps: 3}}]}": "should have either stages, or a sampler and tasks",
    }
    lines = [f"  - {{id: CartPole-v1, label: e{i}, steps: 9, curriculum: {text}}}" for i, text in enumerate(entries)]
    (tmp_path / "s.yaml").write_text(HEAD.format(algorithms="random") + "\n".join(lines))
    problems = read_suite(tmp_path / "s.yaml").problems
    for i, text in enumerate(entries.values()):
        (found,) = [p.message for p in problems if p.location[1] == i]  # one error for one mistake
        assert text in found, (i, found)


def test_the_plan_has_the_stages_with_the_wrappers_that_each_algorithm_needs(tmp_path):
    text = (
        f"  - {LAKE}, steps: 4_000, label: staged, curriculum: {{stages: [\n"
        f"      {LAKE}, reset_options: {{a: 1}}, until: {{return: 0.5}}}}, {LAKE}, until: {{steps: 100}}}}]}}}}\n"
        f"  - {LAKE}, steps: 4_000, label: alone}}\n"
        f"  - {LAKE}, steps: 4_000, label: sampled, curriculum: {{sampler: own/first, tasks: [{LAKE}}}]}}}}\n"
    )
    (tmp_path / "own.py").write_text(OWN)
    algorithms = "random, dqn, a3c, {id: script, params: {command: 'x {env} {seed} {steps}'}}"
    result = planned(tmp_path, text, algorithms, [tmp_path / "own.py"])
    by_name = {(group.label, group.task.name): group.task for group in result.groups}
    first, second = by_name["dqn", "staged"].curriculum.stages
    assert (first.mean_return, first.episodes, first.steps, first.reset_options) == (0.5, 20, None, {"a": 1})
    assert (second.mean_return, second.episodes, second.steps, second.reset_options) == (None, None, 100, {})
    for one in by_name["dqn", "staged"].training_tasks:
        assert [w.name for w in one.wrappers] == ["rlbench.envs.flat_observation:FlatObservation"]
        assert one.curriculum is None and one.kwargs == {"is_slippery": False}
    assert "curriculum" not in canonical(by_name["dqn", "alone"])
    assert by_name["dqn", "sampled"].curriculum.sampler == "own/first"
    reasons = {(skip.algorithm, skip.environment): skip.reason for skip in result.skipped}
    assert set(reasons) == {(name, task) for name in ("a3c", "script") for task in ("staged", "sampled")}
    assert "several processes" in reasons["a3c", "staged"] and "its own environments" in reasons["script", "sampled"]
    # The suites of single runs have the same curricula: their plan gives the same keys.
    groups = [group for group in result.groups if group.label == "random" and group.task.curriculum]
    suites = [suite_of_runs("again", group.runs, {}, group.seeds) for group in groups]
    suites[0]["environments"] += suites[1]["environments"]
    (tmp_path / "again.yaml").write_text(as_yaml(suites[0]))
    again = plan(read_suite(tmp_path / "again.yaml"), load_plugins([tmp_path / "own.py"])).groups
    assert [run.key for group in again for run in group.runs] == [run.key for group in groups for run in group.runs]


@pytest.fixture
def found(monkeypatch):
    """What a check finds of an environment is changed by a function of its task and of what it is."""
    true = planned_tasks.examine

    def change(changed):
        def examine(plugins, tasks, seconds):
            return [changed(task, facts) for task, facts in zip(tasks, true(plugins, tasks, seconds))]

        monkeypatch.setattr(planned_tasks, "examine", examine)

    return change


SHORT = (
    "  - id: CartPole-v1\n    steps: 400\n"
    "    curriculum: {stages: [{id: CartPole-v1, kwargs: {max_episode_steps: 9}, until: {steps: 9}}]}\n"
)


def test_seeds_train_alone_if_a_stage_does_not_repeat(tmp_path, found):
    found(lambda task, facts: replace(facts, repeats="max_episode_steps" not in task.kwargs))
    result = planned(tmp_path, SHORT)
    assert [group.seeds for group in result.groups] == [(0,), (1,)]
    assert not result.groups[0].environment_repeats
    assert any(note.startswith("CartPole-v1 (stage 1 of CartPole-v1): reset") for note in result.notes)


def test_texts_may_differ_which_no_algorithm_gets_and_other_parts_are_named(tmp_path, found):
    def seen(size):
        def changed(task, facts):
            staged = "max_episode_steps" in task.kwargs
            parts = {"says": Text(9 if staged else 8), "view": Dict({"near": Box(0, 1, (size if staged else 4,))})}
            return replace(facts, observation_space=Dict(parts))

        return changed

    found(seen(4))
    assert planned(tmp_path, SHORT).runs == 2
    found(seen(5))
    (line,) = problems(tmp_path, SHORT)
    assert (
        "its observation space has in view.near Box(0.0, 1.0, (5,), float32), the target's Box(0.0, 1.0, (4,)" in line
    )
