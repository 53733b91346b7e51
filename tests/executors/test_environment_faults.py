"""An environment that raises, or gives what is not an observation, a reward or a flag, fails its own seed alone."""

import json
from pathlib import Path

import numpy as np
import pytest

from rlbench.api import RunStatus
from rlbench.cli.main import invoke
from rlbench.executors.time_limits import Limits

# A walk on a line, 20 steps: the reward is where one stands. {fault} may spoil a step.
ENVIRONMENT = """
import gymnasium
import numpy as np
from gymnasium.spaces import Box, Discrete

class {name}(gymnasium.Env):
    observation_space = Box(-10, 10, (2,), np.float32)
    action_space = Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.t, self.x = 0, float(self.np_random.uniform(-1, 1))
        return np.array([self.x, 0], np.float32), {{}}

    def step(self, action):
        first = self.t == 0 and self.x > 0.99  # one episode in 200
        self.t += 1
        self.x += 0.1 if action == 1 else -0.1
        answer = np.array([self.x, self.t / 20], np.float32), self.x, False, self.t >= 20, {{}}
        if first:
            {fault}
        return answer

gymnasium.register("{name}-v0", entry_point="{module}:{name}")
"""
SUITE = """
name: s
algorithms: [random]
environments: [{{id: "{module}:{name}-v0", steps: 4000}}]
seeds: {seeds}
jobs: 1
evaluation: {{every: 0, final_episodes: 5}}
"""


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)

    def started(fault, name, out, seeds=4, *options):
        module = f"line_{name.lower()}"
        Path(f"{module}.py").write_text(ENVIRONMENT.format(name=name, fault=fault, module=module))
        Path("s.yaml").write_text(SUITE.format(name=name, module=module, seeds=seeds))
        return invoke(["run", "s.yaml", "-o", out, *options])

    return started


def states(folder, capfd):
    capfd.readouterr()
    invoke(["status", folder, "--json"])
    return {run["seed"]: run for run in json.loads(capfd.readouterr().out)["runs"]}


def final_returns(folder, seed):
    import rlbench

    table = rlbench.load(folder).evaluations()
    return table[(table["seed"] == seed) & (table["kind"] == "final")]["return_mean"].tolist()


@pytest.mark.parametrize("executor", ["local", "serial"])
def test_the_seed_whose_environment_raises_fails_and_its_stack_mate_has_the_numbers_it_has_alone(run, capfd, executor):
    options = ("--executor", executor)
    fault = "raise RuntimeError('physics exploded')"
    assert run(fault, f"Raises{executor.title()}", "stacked", [2, 3], *options) == 1
    both = states("stacked", capfd)
    assert both[2]["status"] == "done" and both[3]["status"] == "failed"
    assert both[3]["message"].startswith("seed 3: its step raised RuntimeError: physics exploded (line_raises")
    assert run(fault, f"Raises{executor.title()}", "alone", [2], *options) == 0
    assert final_returns("stacked", 2) == final_returns("alone", 2) and len(final_returns("alone", 2)) == 1
    # Trained again, it fails again; the other is left as it is.
    assert run(fault, f"Raises{executor.title()}", "stacked", [2, 3], *options, "--rerun", "failed") == 1
    again = states("stacked", capfd)
    assert again[2] == both[2] and again[3]["status"] == "failed"


@pytest.mark.parametrize(
    ("name", "fault", "words"),
    [
        ("Vector", "answer = (answer[0], np.array([1.0]), *answer[2:])", "a reward of shape (1,); a number is needed"),
        ("Nothing", "answer = (answer[0], None, *answer[2:])", "a reward of None; a number is needed"),
        ("Nan", "answer = (answer[0], float('nan'), *answer[2:])", "a reward that is not finite (nan)"),
        ("Column", "answer = (answer[0][:1], *answer[1:])", "an observation of shape (1,); its space has shape (2,)"),
        (
            "Flag",
            "answer = (*answer[:2], np.array([True, False]), *answer[3:])",
            "terminated of type ndarray (bool, shape (2,))",
        ),
        ("Words", "answer = (answer[0], '1.5', *answer[2:])", "a reward of type str; a number is needed"),
        ("Untrue", "answer = (*answer[:2], 'False', *answer[3:])", "terminated of type str; True or False is needed"),
        ("Complex", "answer = (answer[0] * 1j, *answer[1:])", "an observation of type ndarray (complex64, shape (2,))"),
        ("Four", "answer = answer[:4]", "4 values; (observation, reward, terminated, truncated, info) is needed"),
        ("Exits", "raise SystemExit(0)", ""),
    ],
)
def test_what_an_environment_gives_wrongly_is_said_in_words(run, capfd, name, fault, words):
    assert run(fault, name, "out", [2, 3]) == 1
    found = states("out", capfd)
    assert found[2]["status"] == "done" and found[3]["status"] == "failed"
    said = f"its step gave {words}" if words else "its step raised SystemExit: 0"
    assert said in found[3]["message"]
    assert np.isfinite(final_returns("out", 2)).all()


SLOWER = """Path('spoilt').touch()
            step = type(self).step
            type(self).step = lambda self, action: (time.sleep(0.02), step(self, action))[1]
            raise RuntimeError('physics exploded')"""


def test_a_failed_environment_stays_the_reason_when_its_group_later_takes_too_long(run, capfd, monkeypatch):
    def exceeded(limits, now):
        return (RunStatus.TIMEOUT, "took too long") if Path("spoilt").exists() else None

    monkeypatch.setattr(Limits, "exceeded", exceeded)
    assert run(f"import time; from pathlib import Path; {SLOWER}", "Slower", "out", [2, 3]) == 1
    found = states("out", capfd)
    assert found[2]["status"] == "timeout" and found[2]["message"].startswith("took too long")
    assert found[3]["status"] == "failed" and "physics exploded" in found[3]["message"]
