"""`--log wandb`: one offline run a seed, read back by wandb's own inspector; nothing is sent."""

import socket
import threading
from importlib.util import find_spec

import psutil
import pytest
from support.cli import rlbench as command
from support.wandb_reader import NOT_INSTALLED, read_all

import rlbench
from rlbench.api import Run, Task

pytestmark = pytest.mark.skipif(find_spec("wandb") is None, reason=NOT_INSTALLED)

SUITE = """
name: small
algorithms: [{id: dqn, label: my dqn, params: {learning_starts: 20, batch_size: 8, net_arch: [8]}}]
environments: [{id: CartPole-v1, steps: 240}]
seeds: 2
checkpoint_every: 80
evaluation: {every: 80, episodes: 1, final_episodes: 2}
"""


class Server:
    """Listens where wandb's server and every proxy would be, and counts who comes."""

    def __init__(self):
        self.socket, self.visitors = socket.create_server(("127.0.0.1", 0)), 0
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}"
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        while True:
            try:
                self.socket.accept()[0].close()
            except OSError:
                return
            self.visitors += 1


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """The folder, how many visitors wandb's server had, and the names of this process's children afterwards."""
    folder, server, patch = tmp_path_factory.mktemp("logged"), Server(), pytest.MonkeyPatch()
    connect = socket.socket.connect

    def guarded(sock, address):
        assert sock.family == socket.AF_UNIX or address[0] in ("127.0.0.1", "::1", "localhost"), address
        return connect(sock, address)

    patch.setattr(socket.socket, "connect", guarded)
    patch.delenv("WANDB_MODE", raising=False)
    (folder / "s.yaml").write_text(SUITE)
    proxies = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), server.url)
    done = command(
        "run", folder / "s.yaml", "-o", folder / "out", "--log", "wandb", WANDB_BASE_URL=server.url, **proxies
    )
    patch.undo()
    server.socket.close()
    children = [child.name() for child in psutil.Process().children(recursive=True)]
    assert done.returncode == 0 and "wandb" not in done.stderr, done.stderr
    return folder / "out", server.visitors, children


def test_its_own_reader_finds_every_record_at_its_step(ran):
    results, files = rlbench.load(ran[0]), read_all(ran[0] / "wandb")
    assert [file.run["display_name"] for file in files] == ["my dqn CartPole-v1 seed 0", "my dqn CartPole-v1 seed 1"]
    for seed in range(2):
        file, episodes = files[seed], results.episodes().query("seed == @seed")
        assert file.scalar("charts/episodic_return") == list(zip(episodes["step"], episodes["return"]))
        assert file.scalar("charts/episodic_length") == list(zip(episodes["step"], episodes["length"]))
        means = [sum(episodes["return"][: i + 1]) / (i + 1) for i in range(len(episodes))]
        assert [value for _, value in file.scalar("rollout/ep_rew_mean")] == pytest.approx(means, rel=1e-12)
        evaluations = results.evaluations().query("seed == @seed")
        grid = evaluations[evaluations["kind"] == "grid"]
        assert file.scalar("eval/mean_reward") == list(zip(grid["step"], grid["return_mean"]))
        assert file.scalar("eval/final_mean_reward") == [(240, evaluations["return_mean"].iloc[-1])]
        metrics = results.metrics().query("seed == @seed")
        assert len(metrics) > 0
        for name, rows in metrics.groupby("name"):
            assert file.scalar(f"train/{name}") == list(zip(rows["step"], rows["value"]))
        assert file.ended


def test_a_run_names_its_algorithm_task_seed_and_hyperparameters(ran):
    for seed, file in enumerate(read_all(ran[0] / "wandb")):
        assert (file.run["run_group"], file.run["job_type"], file.run["project"]) == ("my dqn", "CartPole-v1", "small")
        assert sorted(file.run["tags"]) == ["CartPole-v1", "my dqn"]
        expected = {"algorithm": "my dqn", "algorithm_id": "dqn", "task": "CartPole-v1", "seed": seed, "steps": 240}
        assert expected.items() <= file.config.items()
        assert file.config["batch_size"] == 8 and file.config["net_arch"] == [8]
        assert file.config["run_key"] in {run.key for run in rlbench.load(ran[0]).requested}
        assert {"glob_name": "*", "step_metric": "global_step"}.items() <= file.metrics[-1].items()


def test_nothing_is_sent_and_no_fact_of_the_machine_is_kept(ran):
    assert ran[1] == 0
    for file in read_all(ran[0] / "wandb"):
        assert not {"host", "git", "settings"} & set(file.run)
    names = {path.name for path in (ran[0] / "wandb").rglob("*") if path.is_file()}
    assert not names & {"requirements.txt", "wandb-metadata.json", "output.log", "conda-environment.yaml"}


def test_no_process_of_wandb_outlives_the_suite(ran):
    assert [name for name in ran[2] if "wandb" in name] == []


def test_a_writer_that_fails_is_reported_once_and_the_suite_goes_on(tmp_path):
    (tmp_path / "s.yaml").write_text(SUITE)
    ran = command("run", tmp_path / "s.yaml", "-o", tmp_path / "out", "--log", "wandb", WANDB_MODE="sideways")
    assert ran.returncode == 0 and ran.stderr.count("of plugin 'log-wandb'") == 1, ran.stderr
    assert not list((tmp_path / "out").rglob("*.wandb"))


def test_the_users_own_mode_and_project_are_kept(tmp_path, monkeypatch):
    from rlbench.trackers.wandb_runs import WandbRun, end_service

    monkeypatch.setenv("WANDB_MODE", "disabled")
    run = Run("dqn", {}, Task("CartPole-v1", 10), 0)
    WandbRun(tmp_path, "p", run).close()
    assert not list(tmp_path.rglob("*.wandb"))
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_PROJECT", "mine")
    WandbRun(tmp_path, "p", run).close()
    assert [file.run["project"] for file in read_all(tmp_path)] == ["mine"]
    end_service()
