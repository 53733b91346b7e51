"""`rlbench evaluate`: the published policy plays the recorded final evaluation again, or it is said why not."""

import json
import shutil
import subprocess
import sys

import gymnasium
import numpy as np
import pyarrow.parquet as pq
import pytest
from rlbench_dqn.dqn import DQN
from safetensors.numpy import load_file, save_file
from support.cli import rlbench

from rlbench import Device, SeedStreams, TaskInfo
from rlbench.results.checksums import with_checksum
from rlbench.results.file_io import file_hash
from rlbench.runtime.evaluation import evaluation_seeds

# More episodes than the 20 lanes they are played in, and stacks of two, of which `evaluate` plays one seed alone.
SUITE = """
name: small
algorithms:
  - random
  - {id: dqn, params: {net_arch: [16], learning_starts: 50}}
  - {id: double_dqn, params: {net_arch: [16], learning_starts: 50}}
  - {id: ppo, params: {n_envs: 4, n_steps: 25, batch_size: 50, n_epochs: 2}}
  - {id: sb3/dqn, params: {learning_starts: 50}}
environments: [{id: CartPole-v1, steps: 300}]
seeds: 2
evaluation: {every: 100, episodes: 3, final_episodes: 25}
"""
ODD = "{name: odd, algorithms: [%s], environments: [{id: CartPole-v1, steps: 60}], seeds: 1, evaluation: {final_episodes: 25, policy: %s}}"
KINDS = ("keeps", "samples", "forgets", "ignores", "hides", "ends", "raises", "diverges")
PLUGIN = """
import os
import numpy as np
from rlbench import Algorithm, AlgorithmSpec, Supports, hookimpl

class Keeps(Algorithm):
    "At first it pushes left; when it has learned, to where the pole falls."
    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.skill = np.zeros((len(self.streams.seeds), 1))
    def act(self, obs):
        return np.where(self.skill > 0, obs[..., 2] > 0, 0)
    def train(self, interaction):
        interaction.reset()
        while not interaction.finished:
            interaction.step(np.zeros(interaction.obs.shape[:2], int))
        self.skill[:] = 1
    def state(self):
        return {"skill": self.skill}
    def load_state(self, state):
        self.skill = state["skill"].copy()

class Samples(Keeps):
    def policy(self, mode="greedy"):
        return (lambda obs, start: self.streams.integers("evaluate", 2, obs.shape[1])) if mode == "sampled" else super().policy(mode)

class Forgets(Keeps):
    def load_state(self, state):
        self.moments = state["moments"]

class Ignores(Keeps):
    def load_state(self, state): ...

class Hides(Keeps):
    def state(self):
        return {}

class Ends(Keeps):
    def load_state(self, state):
        print("no more", flush=True); os._exit(0)

class Raises(Keeps):
    def load_final_state(self, state):
        super().load_state(state)
        self.act = lambda obs: {}["mine"]

class Diverges(Keeps):
    def train(self, interaction):
        super().train(interaction)
        self.skill[:] = np.nan

@hookimpl
def rlbench_algorithms():
    kinds = (Keeps, Samples, Forgets, Ignores, Hides, Ends, Raises, Diverges)
    return [AlgorithmSpec(kind.__name__.lower(), kind, Supports(discrete=True), resumable=False) for kind in kinds]
"""
PROGRAM = """
import sys
from rlbench.cli import main
code = main.invoke(sys.argv[1:])
print("torch" in sys.modules, file=sys.stderr)
sys.exit(code)
"""


def elsewhere(*arguments):
    """In a process of its own, whose last line on stderr says whether it imported torch."""
    return subprocess.run([sys.executable, "-c", PROGRAM, *map(str, arguments)], capture_output=True, text=True)


def document(*arguments):
    ran = rlbench("evaluate", *arguments, "--json")
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    folder = tmp_path_factory.mktemp("small")
    (folder / "small.yaml").write_text(SUITE)
    ran = elsewhere("run", folder / "small.yaml", "-o", folder / "out")
    assert len(list((folder / "out/runs").glob("*/result.json"))) == 10, ran.stderr
    return folder / "out"


@pytest.fixture(scope="module")
def odd(tmp_path_factory):
    folder = tmp_path_factory.mktemp("odd")
    (folder / "mine.py").write_text(PLUGIN)
    plugin = ("--plugin", folder / "mine.py", "--executor", "serial")
    for name, kinds, protocol in (("out", KINDS, "greedy"), ("sampled", ["samples"], "sampled")):
        (folder / "odd.yaml").write_text(ODD % (", ".join(kinds), protocol))
        ran = elsewhere("run", folder / "odd.yaml", "-o", folder / name, *plugin)
        assert len(list((folder / name / "runs").glob("*/result.json"))) == len(kinds), ran.stderr
    return folder


@pytest.fixture
def copied(out, tmp_path):
    """A copy of everything, to be damaged."""
    return shutil.copytree(out, tmp_path / "copy")


def run_of(folder, algorithm, seed=0):
    (found,) = (folder / "runs").glob(f"{algorithm}--*--s{seed:02d}--*")
    return found


def recorded(run):
    """Returns and lengths of the final evaluation, straight from the published file."""
    rows = pq.read_table(run / "evaluations.parquet").to_pylist()
    (final,) = [row for row in rows if row["kind"] == "final"]
    return final["returns"], final["lengths"]


def rewrite(run, change):
    """Publish other evaluations in the place of a run's."""
    path = run / "evaluations.parquet"
    table = pq.read_table(path)
    pq.write_table(table.from_pylist(change(table.to_pylist()), table.schema), path)
    digest = file_hash(path)
    edit(run, lambda result: result["files"][path.name].update(sha256=digest))


def edit(run, change):
    result = json.loads((run / "result.json").read_text())
    change(result)
    (run / "result.json").write_text(json.dumps(with_checksum(result)))


@pytest.mark.parametrize("algorithm", ["random", "dqn", "double-dqn", "ppo", "sb3-dqn"])
def test_the_first_episodes_are_the_recorded_ones_bit_for_bit_and_the_others_are_new(out, algorithm, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "2")  # the caller's environment is not a worker's
    monkeypatch.setenv("MKL_CBWR", "COMPATIBLE")
    run = run_of(out, algorithm, seed=1)
    found = document(run, "--episodes", 40)
    returns, lengths = recorded(run)
    assert found["returns"][:25] == returns and found["lengths"][:25] == lengths and len(found["returns"]) == 40
    assert (found["recorded_episodes"], found["equal"], found["changed"]) == (25, True, {})
    assert found["returns"][25:] != returns[:15]


@pytest.mark.parametrize("algorithm", ["random", "ppo"])
def test_fewer_episodes_than_lanes_are_the_first_of_the_recorded_ones(out, algorithm):
    run = run_of(out, algorithm)
    found = document(run, "--episodes", 3)
    assert found["returns"] == recorded(run)[0][:3] and found["recorded_episodes"] == 3 and found["equal"]


def test_a_sampled_policy_draws_what_it_drew_however_many_episodes_are_asked_for(odd):
    run = run_of(odd / "sampled", "samples")
    for count in (3, 30):
        found = document(run, "--episodes", count, "--plugin", odd / "mine.py")
        assert found["policy"] == "sampled" and found["returns"][:25] == recorded(run)[0][:count]


def test_new_episodes_are_what_one_environment_at_a_time_gives(out):
    run = run_of(out, "dqn")
    env = gymnasium.make("CartPole-v1")
    task = TaskInfo("CartPole-v1", env.observation_space, env.action_space, 1, 300)
    dqn = DQN(DQN.Config(net_arch=(16,), learning_starts=50), task, SeedStreams([0]), Device())
    dqn.load_final_state({name: array[None] for name, array in load_file(run / "policy.safetensors").items()})
    seeds, slow = evaluation_seeds("final", "training"), []
    for k in range(28):
        obs, ended, total = env.reset(seed=seeds[k])[0], False, 0.0
        while not ended:
            obs, reward, terminated, truncated, _ = env.step(int(dqn.act(obs[None, None])[0, 0]))
            ended, total = terminated or truncated, total + float(reward)
        slow.append(total)
    assert document(run, "--episodes", 28)["returns"] == slow


def test_the_statistics_are_those_of_the_episodes_and_no_torch_is_imported_here(out):
    run = run_of(out, "ppo")
    ran = elsewhere("evaluate", run)
    assert ran.returncode == 0 and ran.stderr == "False\n"
    returns = np.array(recorded(run)[0])
    error = (((returns - returns.mean()) ** 2).sum() / 24 / 25) ** 0.5
    for name, value in (
        ("mean return", returns.mean()),
        ("standard deviation", returns.std()),
        ("standard error", error),
        ("smallest return", returns.min()),
        ("largest return", returns.max()),
        ("mean length", returns.mean()),  # of CartPole, whose reward is 1 a step
    ):
        assert any(line.startswith(name) and f" {value:.6g} " in line + " " for line in ran.stdout.splitlines()), name
    assert "ppo on CartPole-v1, seed 0: greedy policy, 25 episodes" in ran.stdout
    assert ran.stdout.endswith("the first 25 episodes of the recorded final evaluation: repeated exactly\n")
    assert document(run_of(out, "random"), "--episodes", 1)["return_standard_error"] is None


def test_it_says_that_recorded_episodes_differ_and_what_was_computed_otherwise(copied):
    run = run_of(copied, "random")

    def change(rows):
        rows[-1]["returns"][7] += 1
        return rows

    rewrite(run, change)
    ran = rlbench("evaluate", run)
    assert ran.returncode == 73 and "untrained it does not reach the recorded returns" in ran.stderr
    # With a policy that it had to publish, differing is news and no error.
    pretend(run)
    text = rlbench("evaluate", run).stdout
    assert "the first 25 episodes of the recorded final evaluation: not repeated exactly" in text
    assert "code and numerics are as recorded" in text
    edit(run, lambda result: result["numerics"].update(threads=9))
    text = rlbench("evaluate", run).stdout
    assert "numerics.threads was 9, is 1" in text and "code and numerics are as recorded" not in text
    found = document(run, "--episodes", 7)
    assert found["equal"] is True and found["changed"] == {"numerics.threads": [9, 1]}


def pretend(run):
    """Publish an empty policy."""
    save_file({}, run / "policy.safetensors")
    digest = file_hash(run / "policy.safetensors")
    edit(run, lambda result: result["files"].update({"policy.safetensors": {"sha256": digest, "rows": 0}}))


def test_a_policy_that_is_not_the_published_one_is_refused(copied):
    run = run_of(copied, "dqn")
    policy = run / "policy.safetensors"
    shutil.copy(run_of(copied, "dqn", seed=1) / policy.name, policy)
    ran = rlbench("evaluate", run)
    assert ran.returncode == 73 and "its sha256 differs from the one in result.json" in ran.stderr and ran.stdout == ""
    policy.unlink()
    ran = rlbench("evaluate", run)
    assert ran.returncode == 73 and f"{policy}: cannot be read" in ran.stderr
    (run / "result.json").unlink()
    ran = rlbench("evaluate", run)
    assert ran.returncode == 73 and "has no published policy: the run is interrupted" in ran.stderr


@pytest.mark.parametrize(
    ("algorithm", "code", "said"),
    [
        ("forgets", 2, "cannot load its published policy (load_final_state): KeyError: 'moments'"),
        ("ignores", 2, "did not load its published policy: it needs load_final_state"),
        ("hides", 73, "cannot be evaluated again: 'hides' saved no policy"),
        ("ends", 2, "exited with code 0: no more"),
        ("raises", 2, "cannot be played: KeyError: 'mine' (mine.py:"),
        (
            "diverges",
            1,
            "contains numbers that are not finite: there is no policy to play; the run diverged at step 60",
        ),
    ],
)
def test_what_cannot_be_played_is_said_and_never_an_untrained_policy_played(odd, algorithm, code, said):
    ran = rlbench("evaluate", run_of(odd / "out", algorithm), "--plugin", odd / "mine.py")
    assert ran.returncode == code and said in ran.stderr and ran.stdout == ""


def test_without_a_recorded_final_evaluation_of_that_policy_nothing_is_compared(odd, tmp_path):
    plugin = ("--plugin", odd / "mine.py")
    run = run_of(shutil.copytree(odd / "out", tmp_path / "copy"), "keeps")
    rewrite(run, lambda rows: rows[:-1])
    edit(
        run,
        lambda result: result["files"]["evaluations.parquet"].update(
            rows=result["files"]["evaluations.parquet"]["rows"] - 1
        ),
    )
    ran = rlbench("evaluate", run, *plugin)
    assert "nothing to compare with: no final evaluation was recorded" in ran.stdout
    samples = run_of(odd / "out", "samples")
    ran = rlbench("evaluate", samples, "--policy", "sampled", *plugin)
    assert "nothing to compare with: the recorded final evaluation used the greedy policy" in ran.stdout
    greedy, sampled = (document(samples, "--policy", policy, *plugin) for policy in ("greedy", "sampled"))
    assert greedy["equal"] is True and sampled["equal"] is None and greedy["returns"] != sampled["returns"]
    ran = rlbench("evaluate", run, "--policy", "sampled", *plugin)
    assert ran.returncode == 2 and "Keeps has no 'sampled' policy, only 'greedy'; choose another" in ran.stderr


def test_a_plugin_that_may_not_be_used_or_is_not_given_is_not_loaded(out, odd, monkeypatch):
    ran = rlbench("evaluate", run_of(odd / "out", "keeps"))
    assert ran.returncode == 2 and "keeps" in ran.stderr and ran.stdout == ""
    monkeypatch.setenv("RLBENCH_PLUGINS", "ppo")
    ran = rlbench("evaluate", run_of(out, "random"))
    assert ran.returncode == 2 and "random" in ran.stderr and ran.stdout == ""


def test_a_run_that_is_no_folder_or_none_of_its_suite_is_refused(out):
    ran = rlbench("evaluate", out / "nowhere")
    assert ran.returncode == 2 and "does not exist" in ran.stderr
    ran = rlbench("evaluate", out / "attempts")
    assert ran.returncode == 73
