"""The rules: kept by ours and by foreign loops, and each broken by an algorithm that breaks it."""

import dataclasses
import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from rlbench_dqn.dqn import DQN, DQNConfig

from rlbench import Supports, setting
from rlbench.api import AlgorithmSpec
from rlbench.executors.rule_processes import RULES as SAID
from rlbench.plugins import load_plugins, survey
from rlbench.testing import RULES
from rlbench.testing.rule_worker import check_rule
from rlbench.testing.rules import RULES as FUNCTIONS
from rlbench.testing.subject import Subject

OURS = {"net_arch": [16], "batch_size": 16, "learning_starts": 50, "learning_rate": 0.01}
ON_POLICY = {"net_arch": [16], "learning_rate": 0.01}
ON_POLICY_FOREIGN = {"net_arch": [16], "learning_rate": 0.01}
FOREIGN = {"net_arch": [16], "learning_starts": 50, "batch_size": 16, "learning_rate": 0.01}
SMALL = {
    "dqn": OURS | {"target_update_interval": 50},
    "double_dqn": OURS | {"target_update_interval": 50},
    "dueling_dqn": OURS | {"target_update_interval": 50},
    "per_dqn": OURS | {"target_update_interval": 50},
    "qrdqn": OURS | {"target_update_interval": 50, "n_quantiles": 10},
    "rainbow": OURS | {"target_update_interval": 50, "stream_hidden": 16, "n_atoms": 21, "v_min": -2, "v_max": 12},
    "iql": OURS | {"target_update_interval": 50},
    "vdn": OURS | {"target_update_interval": 50},
    "qmix": OURS | {"target_update_interval": 50, "mixing_embed_dim": 8, "hypernet_hidden_dim": 8},
    "ddpg": OURS,
    "td3": OURS,
    "sac": OURS,
    "tqc": OURS | {"n_quantiles": 10},
    "mbpo": OURS
    | {
        "model_members": 3,
        "model_elites": 2,
        "model_net_arch": [16, 16],
        "model_batch_size": 16,
        "model_train_freq": 50,
    }
    | {"model_gradient_steps": 10, "gradient_steps": 1, "learning_rate": 0.003},
    "q_learning": {},
    "dyna_q": {},
    "crossq": OURS,
    "a2c": ON_POLICY | {"n_envs": 4},
    "ppo": ON_POLICY | {"n_envs": 2, "n_steps": 32, "batch_size": 32},
    "ippo": ON_POLICY | {"n_envs": 2, "n_steps": 32, "batch_size": 32},
    "mappo": ON_POLICY | {"n_envs": 2, "n_steps": 32, "batch_size": 32},
    "recurrent_ppo": ON_POLICY | {"n_envs": 2, "n_steps": 32, "batch_size": 32},
    "reinforce": ON_POLICY,
    "a3c": ON_POLICY | {"n_workers": 2},
    "random": {},
    "sb3/dqn": FOREIGN | {"target_update_interval": 50},
    "sb3/qrdqn": FOREIGN | {"target_update_interval": 50},
    "sb3/a2c": ON_POLICY_FOREIGN,
    "sb3/ppo": ON_POLICY_FOREIGN | {"n_steps": 32, "batch_size": 32},
    "sb3/recurrent_ppo": ON_POLICY_FOREIGN | {"n_steps": 64, "batch_size": 64, "lstm_hidden_size": 16},
    "sb3/trpo": ON_POLICY_FOREIGN | {"n_steps": 64, "batch_size": 64},
    "sb3/ddpg": FOREIGN | {"noise_type": "normal"},
    "sb3/td3": FOREIGN
    | {"net_arch": [32], "learning_starts": 100, "batch_size": 64, "learning_rate": 0.003, "noise_type": "normal"},
    "sb3/sac": FOREIGN,
    "sb3/tqc": FOREIGN,
    "sb3/ars": {"net_arch": [16], "n_delta": 2, "delta_std": 0.5, "learning_rate": 0.5},
}
LEARN_STEPS = {"reinforce": 4000, "a2c": 3000, "a3c": 4000, "sb3/a2c": 3000, "sb3/trpo": 3000, "sb3/ars": 3000}
LONE = {"stack-mates", "settings", "resume"}  # a process each, which starts again
NOT_CLAIMED = {name: LONE for name in SMALL if name.startswith("sb3/")} | {
    "a3c": LONE | {"repeatable", "evaluation"},  # processes race for one network
    "random": {"settings", "published", "learns", "truncation", "resets"},
    **{name: {"settings"} for name in ("q_learning", "dyna_q", "recurrent_ppo")},
    "sb3/ars": LONE | {"truncation"},  # whole returns alone
}


@pytest.mark.conformance
@pytest.mark.timeout(900)  # a guard against a hang alone: a3c starts processes for each run, minutes beside other work
@pytest.mark.parametrize("name", SMALL)
def test_ours_and_foreign_loops_keep_them(name):
    subject = Subject(load_plugins().algorithm(name), SMALL[name], 300, LEARN_STEPS.get(name, 2000))
    told = {rule: check_rule(subject, rule) for rule in FUNCTIONS}
    assert {rule: said for rule, said in told.items() if said[0] not in ("passed", "not claimed")} == {}
    assert {rule for rule, said in told.items() if said[0] == "not claimed"} == NOT_CLAIMED.get(name, set())


def test_every_algorithm_that_comes_along_is_put_to_them():
    """But for SBX's, which are tried where it is installed (tests/algorithms/test_sbx.py), and scripts, tried below."""
    offers = [offer for offer in survey(load_plugins()) if offer.distribution == "rlbench"]
    there = {algorithm["name"] for offer in offers for algorithm in offer.algorithms}
    assert {name for name in there if not name.startswith("sbx/")} - {"script"} == set(SMALL)


def test_they_have_the_same_names_everywhere():
    document = (Path(__file__).parents[2] / "docs/rules.md").read_text()
    assert list(RULES) == list(FUNCTIONS) == list(SAID)
    assert [line.removeprefix("### ") for line in document.splitlines() if line.startswith("### ")] == list(RULES)


# -- each is broken once ---------------------------------------------------------------------------------------------
class Mute(DQN):
    @dataclasses.dataclass(frozen=True)
    class Config(DQNConfig):
        extra: int = 3


class Loose(DQN):
    @dataclasses.dataclass
    class Config:
        learning_rate: float = setting(1e-3, "Adam's learning rate")


class Outside(DQN):
    @dataclasses.dataclass(frozen=True)
    class Config:
        learning_rate: float = setting(-1.0, "Adam's learning rate", gt=0)


class Unseeded(DQN):
    def explore(self, interaction):
        return np.frombuffer(os.urandom(len(interaction.seeds)), np.uint8).astype(int).reshape(-1, 1) % self.num_actions


class Watched(DQN):
    """Shrinks its weights whenever it acts."""

    def act(self, obs):
        self.online.mul_(0.999)
        return super().act(obs)


class Flat(DQN):
    def act(self, obs):
        return super().act(obs)[0]


class Unpublished(DQN):
    def load_final_state(self, state):
        pass


class SharedDraw(DQN):
    """Explores by one draw for all seeds."""

    def explore(self, interaction):
        draw = self.streams.generators("explore")[0].random()
        return np.full((len(interaction.seeds), interaction.num_envs), int(draw * self.num_actions))


class Forgets(DQN):
    """Does not keep its replay."""

    def parts(self):
        return {name: part for name, part in super().parts().items() if name != "replay"}


class Lingering(DQN):
    def train(self, interaction):
        threading.Thread(target=threading.Event().wait, daemon=True).start()
        super().train(interaction)


class Climbing(DQN):
    """Climbs its loss."""

    def td_loss(self, *args):
        loss, found = super().td_loss(*args)
        return -loss, found


class Averaged(DQN):
    """Scales the gradients of all seeds by one norm."""

    def __init__(self, *args):
        super().__init__(*args)
        gradient_of_each = self.td_gradient

        def averaged(*args):
            grads, found = gradient_of_each(*args)
            return [gradient / gradient.norm() for gradient in grads], found

        self.td_gradient = averaged


class Through:
    """An interaction whose steps or observations are tampered with."""

    def __init__(self, inner):
        self.inner = inner

    def __getattr__(self, name):
        return getattr(self.inner, name)


class EndsAtCuts(DQN):
    def train(self, interaction):
        class Cutting(Through):
            def step(self, action):
                t = self.inner.step(action)
                return dataclasses.replace(t, terminated=t.terminated | t.truncated)

        super().train(Cutting(interaction))


class Stale(DQN):
    """Acts on the observation that ended the step before."""

    def train(self, interaction):
        class Lagging(Through):
            last = None

            def step(self, action):
                t = self.inner.step(action)
                self.last = t.next_obs
                return t

            @property
            def obs(self):
                return self.inner.obs if self.last is None else self.last

        super().train(Lagging(interaction))


class Early(DQN):
    """Ends before its budget."""

    def train(self, interaction):
        class Half(Through):
            @property
            def finished(self):
                return self.inner.steps >= 150

        super().train(Half(interaction))


BROKEN = {
    "configuration": (Mute, "extra: no meaning given"),
    "repeatable": (Unseeded, "differ between two runs of one seed"),
    "evaluation": (Watched, "differ if evaluations happen"),
    "acting": (Flat, "act returned actions of shape"),
    "published": (Unpublished, "acts differently after load_final_state"),
    "stack-mates": (SharedDraw, "depend on the other seeds of its stack"),
    "resume": (Forgets, "differ after resuming"),
    "not-finite": (Averaged, "episodes of seed 7 changed because of the NaN of seed 8"),
    "nothing-left": (Lingering, "1 threads"),
    "learns": (Climbing, "is required"),
    "truncation": (EndsAtCuts, "treats truncation as termination"),
    "resets": (Stale, "acts on the wrong observation"),
}


def broken(algorithm):
    return Subject(AlgorithmSpec("broken", algorithm, Supports(discrete=True)), SMALL["dqn"], 300, 1500)


def test_a_configuration_that_can_be_changed_is_told():
    with pytest.raises(AssertionError, match="Config can be changed"):
        FUNCTIONS["configuration"](dataclasses.replace(broken(Loose), params={}))


def test_a_default_outside_its_own_range_is_told():
    with pytest.raises(
        AssertionError, match=r"the defaults are invalid: broken.learning_rate: should be above 0, got -1.0"
    ):
        FUNCTIONS["configuration"](dataclasses.replace(broken(Outside), params={}))


def test_what_reports_for_itself_is_asked_for_its_configuration_alone():
    spec = load_plugins().algorithm("script")
    command = {"command": "python train.py {env} {seed} {steps}"}
    verdicts = {rule: check_rule(Subject(spec, command, 300), rule)[0] for rule in FUNCTIONS}
    assert verdicts.pop("configuration") == "passed" and set(verdicts.values()) == {"not claimed"}
    verdict, seen = check_rule(Subject(spec, {}, 300), "configuration")
    assert verdict == "failed" and "give a command line" in seen


@pytest.mark.parametrize("rule", BROKEN)
def test_what_breaks_a_rule_is_told_how(rule):
    algorithm, said = BROKEN[rule]
    with pytest.raises(AssertionError, match=said):
        FUNCTIONS[rule](broken(algorithm))


def test_runs_take_three_rollouts_so_that_something_is_learned_and_a_checkpoint_is_saved():
    algorithms = load_plugins()
    subject = Subject(
        algorithms.algorithm("ppo"), {"net_arch": [8], "n_envs": 2, "n_steps": 640, "n_epochs": 1}, 500, 700
    )
    assert (subject.short, subject.long) == (3_840, 3_840)
    assert FUNCTIONS["budget"](subject) == "3848 of 3848 steps"
    assert re.fullmatch(r"from step \d+ of 3840 on: equal", FUNCTIONS["resume"](subject))
    assert Subject(algorithms.algorithm("dqn"), {}, 500, 700).short == 500


def test_a_play_that_ends_early_is_told_as_what_the_harness_says_of_it():
    assert check_rule(broken(Early), "budget") == (
        "raised",
        "RlbenchError: `train` returned after 150 of 307 environment steps; it has to loop until `interaction.finished`",
    )


class SlowFirst(DQN):
    """Spends the whole budget in its second environment, as a process does whose rival waits for a processor."""

    def train(self, interaction):
        env, _ = interaction.make_env(0, 1), interaction.make_env(0, 0)
        env.reset()
        while not interaction.finished:
            if any(env.step(0)[2:4]):
                env.reset()


def test_a_nan_reaches_the_run_whichever_environment_takes_the_steps():
    subject = broken(SlowFirst)
    alone = dataclasses.replace(subject, spec=dataclasses.replace(subject.spec, stackable=False))
    assert "is not finite" in FUNCTIONS["not-finite"](alone)


def test_an_assertion_of_the_algorithms_own_without_words_is_told_as_one():
    claims = dataclasses.replace(broken(DQN).spec, supports=Supports(discrete=True, continuous=True))
    subject = dataclasses.replace(broken(DQN), spec=claims)
    assert check_rule(subject, "spaces") == ("failed", "an assertion in the algorithm failed")


def test_the_documents_example_is_a_test_that_passes(tmp_path):
    document = (Path(__file__).parents[2] / "docs/rules.md").read_text()
    (tmp_path / "test_example.py").write_text(re.search(r"```python\n(.*?)```", document, re.S)[1])
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "budget or acting", str(tmp_path)]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert ran.returncode == 0 and "2 passed" in ran.stdout, ran.stdout
