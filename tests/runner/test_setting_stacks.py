"""Settings that differ only in numbers train as one stack, with the numbers that each has in a stack of its own."""

import dataclasses
import importlib
import json
from types import SimpleNamespace

import pytest
from support.cli import rlbench
from support.published_runs import published, results

import rlbench as harness
from rlbench.api import RunGroup, RunStatus, Task, Variant, group_as_dict, group_from_dict
from rlbench.cli.main import invoke
from rlbench.results import RunState, Store
from rlbench.runner.preparation import stacks_to_train
from rlbench.runner.schedule import RunDecision
from rlbench.runner.setting_stacks import MOST_MEMBERS, StackLimits, joined, stacks_of

PLUGIN = """
import os, signal
from dataclasses import dataclass
import numpy as np
from rlbench import Algorithm, AlgorithmSpec, Supports, hookimpl, setting

class Drifts(Algorithm):
    per_seed = ("rate",)

    @dataclass(frozen=True)
    class Config:
        rate: float = setting(0.1, "size of the random steps of the weights", ge=0)
        start: float = setting(0.0, "the weights at the start")

    def __init__(self, config, task, streams, device):
        super().__init__(config, task, streams, device)
        self.weights = np.full((len(streams.seeds), 4), config.start)
        self.rate = np.asarray(config.rate, float).reshape(-1, 1)

    def act(self, obs):
        return (np.einsum("sno,so->sn", obs, self.weights) > 0).astype(int)

    def train(self, interaction):
        interaction.reset()
        while not interaction.finished:
            interaction.checkpoint()
            interaction.step(self.act(interaction.obs))
            self.weights += self.rate * self.streams.normal("drift", 4)
            interaction.log(first=self.weights[:, 0])
            if interaction.steps == 60 and (self.rate == 0.3).any():
                raise ValueError("0.3 is too much")
            if interaction.steps == 60 and (self.rate == 0.4).any():
                os.kill(os.getpid(), signal.SIGKILL)

    def state(self): return {"weights": self.weights}
    def load_state(self, state): self.weights = np.array(state["weights"])
    def final_state(self): return self.state()

@hookimpl
def rlbench_algorithms():
    return [AlgorithmSpec("drifts", Drifts, Supports(discrete=True))]
"""
SUITE = """
name: drift
algorithms: [{{id: drifts, sweep: {{rate: {rates}}}}}]
environments: [{{id: CartPole-v1, steps: 200}}]
seeds: [3, 8]
evaluation: {{every: 50, episodes: 2, final_episodes: 3}}
checkpoint_every: 40
stack: {stack}
"""


@pytest.fixture
def run(tmp_path):
    (tmp_path / "drifts.py").write_text(PLUGIN)

    def run(folder, rates, stack="settings", *options, jobs=1, fail_at="", text=SUITE):
        (tmp_path / "suite.yaml").write_text(text.format(rates=rates, stack=stack))
        arguments = ["-o", tmp_path / folder, "--plugin", tmp_path / "drifts.py", "-j", jobs, *options]
        ran = rlbench("run", tmp_path / "suite.yaml", *arguments, RLBENCH_FAIL_AT=fail_at)
        return ran, tmp_path / folder

    return run


def stack_sizes(folder):
    return [result["stack_size"] for result in results(folder)]


def test_settings_in_one_stack_publish_what_they_publish_apart(run):
    ran, together = run("together", [0.1, 0.2, 0.5])
    assert ran.returncode == 0, ran.stderr
    _, apart = run("apart", [0.1, 0.2, 0.5], "seeds")
    assert (stack_sizes(together), stack_sizes(apart)) == ([6] * 6, [2] * 6)
    assert published(together) == published(apart) and len(published(together)) == 4 * 6


def test_each_seed_of_each_setting_has_its_own_stage(run, tmp_path):
    stage = "{id: CartPole-v1, kwargs: {sutton_barto_reward: true}, until: {return: -1.5, episodes: 2}}"
    environment = "environments: [{{id: CartPole-v1, steps: 200"
    with_stage = SUITE.replace(
        environment, f"{environment}, curriculum: {{{{stages: [{stage.replace('{', '{{').replace('}', '}}')}]}}}}"
    )
    _, together = run("together", [0.1, 0.2, 0.5], text=with_stage)
    _, apart = run("apart", [0.1, 0.2, 0.5], "seeds", text=with_stage)
    assert stack_sizes(together) == [6] * 6 and published(together) == published(apart)
    frame = harness.Results(together).metrics()
    assert set(frame.loc[frame.name == "stage", "value"]) == {1.0, 2.0}


def test_two_workers_share_the_settings(run, tmp_path):
    _, folder = run("two", [0.1, 0.2, 0.5, 0.6], jobs=2)
    assert stack_sizes(folder) == [4] * 8
    told = rlbench("check", tmp_path / "suite.yaml", "--plugin", tmp_path / "drifts.py", "-j", 2)
    assert told.stdout.count("2 settings of drifts on CartPole-v1 train as one stack of 4 runs") == 2


def test_a_run_of_a_stack_is_verified_alone(run, tmp_path):
    _, folder = run("together", [0.1, 0.2])
    ran = rlbench("verify", folder, "--plugin", tmp_path / "drifts.py")
    assert ran.stdout.endswith("2 runs: 2 equal\n"), ran.stdout + ran.stderr


def test_a_killed_stack_resumes_and_publishes_the_same(run):
    _, whole = run("whole", [0.1, 0.2, 0.5])
    ran, cut = run("cut", [0.1, 0.2, 0.5], "settings", "--retries", "0", fail_at="evaluated:3")
    assert ran.returncode == 1 and "worker killed by SIGKILL" in ran.stderr
    ran, _ = run("cut", [0.1, 0.2, 0.5])
    assert ran.returncode == 0, ran.stderr
    assert published(cut) == published(whole)
    assert {result["resumed_from"] for result in results(cut)} == {120}


def test_a_setting_resumes_alone_from_the_checkpoint_of_a_stack(run):
    _, whole = run("whole", [0.2])
    _, cut = run("cut", [0.1, 0.2, 0.5], "settings", "--retries", "0", fail_at="evaluated:3")
    ran, _ = run("cut", [0.2])
    assert ran.returncode == 0, ran.stderr
    assert {**published(cut)} == published(whole)
    assert {result["resumed_from"] for result in results(cut)} == {120}


def test_a_setting_that_fails_takes_no_other_along(run):
    ran, folder = run("fails", [0.1, 0.3, 0.5])
    assert ran.returncode == 1 and "its settings are trained one by one" in ran.stderr
    _, apart = run("apart", [0.1, 0.5], "seeds")
    assert published(folder) == published(apart)
    states = rlbench("status", folder).stdout
    assert states.count("0.3 is too much") == 2 and states.count("done") >= 4
    again, _ = run("fails", [0.1, 0.3, 0.5])
    assert "nothing to" in again.stderr + again.stdout or "0 to do" in again.stderr + again.stdout


def test_a_setting_that_kills_its_process_takes_no_other_along(run):
    ran, folder = run("killed", [0.1, 0.4], "settings", "--retries", "2")
    assert ran.returncode == 1 and len(results(folder)) == 2
    attempts = [json.loads(path.read_text())["group"] for path in folder.glob("attempts/*/group.json")]
    labels = sorted(attempt["label"] for attempt in attempts)  # the restarts are two, and the last one parts the stack
    assert labels == sorted(["drifts rate=0.1 and 1 more"] * 2 + ["drifts rate=0.1", "drifts rate=0.4"])


def test_settings_wait_for_the_next_run_if_their_time_is_over_when_their_stack_has_failed(run, tmp_path, monkeypatch):
    runner = importlib.import_module("rlbench.runner.run_suite")
    monkeypatch.setattr(runner, "time", SimpleNamespace(monotonic=iter([0.0, 3_600.0]).__next__))
    (tmp_path / "suite.yaml").write_text(SUITE.format(rates=[0.1, 0.3], stack="settings"))
    arguments = ["run", tmp_path / "suite.yaml", "-o", tmp_path / "out", "--plugin", tmp_path / "drifts.py"]
    assert invoke([*map(str, arguments), "-j", "1", "--executor", "serial", "--stop-after", "1h"]) == 1
    assert len(list((tmp_path / "out/attempts").iterdir())) == 1
    assert rlbench("status", tmp_path / "out").stdout.count("it will be trained without the others") == 4


def test_json_events_name_each_setting_and_its_own_returns(run):
    ran, folder = run("told", [0.1, 0.2], "settings", "--json")
    events = [json.loads(line) for line in ran.stdout.splitlines()]
    finals = {one["algorithm"]: one["returns"] for one in events if one.get("kind") == "final"}
    frame = harness.Results(folder).table.set_index(["algorithm", "seed"])["score"]
    assert sorted(finals) == ["drifts rate=0.1", "drifts rate=0.2"]
    for label, returns in finals.items():
        assert returns == [pytest.approx(frame[label, seed]) for seed in (3, 8)]
    assert [one["seeds"] for one in events if one["event"] in ("started", "finished")] == [[3, 8]] * 4


def test_observers_get_each_setting_as_a_group_of_its_own(run, tmp_path):
    told = tmp_path / "told.jsonl"
    text = f"""
import json
from rlbench import hookimpl

def tell(*what):
    with open({str(told)!r}, "a") as file: file.write(json.dumps(what) + "\\\\n")

@hookimpl
def rlbench_evaluated(group, kind, step, returns): tell("evaluated", group.label, list(group.seeds), step, list(returns))
@hookimpl
def rlbench_recorded(group, metrics, episodes): tell("recorded", group.label, sorted({{m.seed for m in metrics}}))
""".replace("\\\\n", "\\n")
    (tmp_path / "observer.py").write_text(text)
    _, folder = run("seen", [0.1, 0.2], "settings", "--plugin", tmp_path / "observer.py")
    lines = [json.loads(line) for line in told.read_text().splitlines()]
    finals = {
        (label, *seeds): returns for what, label, seeds, *rest in lines if what == "evaluated" for _, returns in [rest]
    }
    frame = harness.Results(folder).table.set_index(["algorithm", "seed"])["score"]
    assert {(label, 3, 8) for label in ("drifts rate=0.1", "drifts rate=0.2")} == set(finals)
    for (label, *seeds), returns in finals.items():
        assert returns == [pytest.approx(frame[label, seed]) for seed in seeds]
    recorded = {(label, seed) for what, label, seeds, *_ in lines if what == "recorded" for seed in seeds}
    assert recorded == {(label, seed) for label, *seeds in finals for seed in seeds}


def group(label, rate, seeds=(0, 1), per_seed=("rate",), **more):
    return RunGroup("a", {"rate": rate, "size": 4} | more, Task("E-v0", 10), seeds, label, per_seed=per_seed)


def stacks(groups, **limits):
    return [
        [one.label for one, _ in stack] for stack in stacks_of([(one, None) for one in groups], StackLimits(**limits))
    ]


def test_only_groups_that_differ_in_nothing_else_train_together():
    groups = [group("a", 1), group("wide", 2, size=8), group("b", 3), group("alone", 4, per_seed=())]
    assert stacks(groups) == [["a", "b"], ["wide"], ["alone"]]


def test_stacks_are_no_fewer_than_workers_and_no_larger_than_their_limits():
    groups = [group(str(k), k) for k in range(40)]
    assert list(map(len, stacks(groups))) == [20, 20] and MOST_MEMBERS >= 2 * 20
    assert list(map(len, stacks(groups, workers=4))) == [10] * 4
    stored = {(one.label, "E-v0"): 100 for one in groups}
    assert list(map(len, stacks(groups, memory=1_100.0, stored=stored))) == [5] * 8


def test_a_joined_group_has_the_runs_of_its_parts_and_can_be_written_down():
    parts = [group("a", 1, (5, 0)), group("b", 2, (0,))]
    whole = joined(parts)
    assert whole.runs == (*parts[0].runs, *parts[1].runs)
    assert whole.variants == (Variant("a", {"rate": 1}), Variant("a", {"rate": 1}), Variant("b", {"rate": 2}))
    assert (whole.seeds, whole.members, parts[0].members) == ((5, 0, 0), (0, 1, 2), (5, 0))
    assert group_from_dict(json.loads(json.dumps(group_as_dict(whole)))) == whole
    assert whole.of_each_setting() == [(parts[0], (0, 1)), (parts[1], (2,))]


def test_a_joined_group_keeps_what_is_left_out_or_written_in_another_way():
    parts = [group("a", 1, gamma=0.9), group("b", 1), group("c", 1, gamma=None), group("d", 1.0)]
    parts = [dataclasses.replace(one, per_seed=("rate", "gamma")) for one in parts]
    for order in (parts, parts[::-1]):
        whole = joined(order)
        assert whole.runs == tuple(run for one in order for run in one.runs)
        assert [run.key for run in whole.runs] == [run.key for one in order for run in one.runs]
        assert [one.runs for one, _ in whole.of_each_setting()] == [one.runs for one in order]


def test_parts_of_one_setting_join_to_that_setting():
    whole = joined([group("a", 1, (5, 0)), group("a", 1, (3,))])
    assert whole == group("a", 1, (5, 0, 3)) and whole.members == (5, 0, 3)


def test_a_seed_that_was_compiled_alone_resumes_alone_and_the_others_together(tmp_path):
    store, decisions = Store(tmp_path), []
    compiled = [dataclasses.replace(group(label, k, (0,)), compile=True) for k, label in enumerate("abc")]
    for trained in (compiled[0], joined(compiled[1:])):
        path = store.new_attempt(trained, {}, "plugin") / "checkpoints" / "40"
        for own, _ in trained.of_each_setting():
            state = RunState(RunStatus.INTERRUPTED)
            decisions.append(RunDecision(own, own.runs[0], state, True, "resumes", path, 40))
    stacks = [(stack.label, step) for stack, step, _ in stacks_to_train(store, decisions, StackLimits())]
    assert stacks == [("a", 40), ("b and 1 more", 40)]


def test_one_group_joins_nothing():
    alone = group("a", 1)
    assert joined([alone]) is alone and dataclasses.replace(alone, variants=()) == alone
