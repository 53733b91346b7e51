"""`--log tensorboard`: event files, read back by TensorBoard's own reader and by `rlbench import`."""

import pytest
from support.cli import rlbench as command
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import rlbench

SUITE = """
name: small
algorithms: [{id: dqn, label: my dqn, params: {learning_starts: 20, batch_size: 8, net_arch: [8]}}]
environments: [{id: CartPole-v1, steps: 240}]
seeds: 2
checkpoint_every: 80
evaluation: {every: 80, episodes: 1, final_episodes: 2}
"""


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    folder = tmp_path_factory.mktemp("events")
    (folder / "s.yaml").write_text(SUITE)
    ran = command("run", folder / "s.yaml", "-o", folder / "out", "--log", "tensorboard")
    assert ran.returncode == 0, ran.stderr
    return folder / "out"


def scalars(out, seed):
    events = EventAccumulator(str(out / "tensorboard" / "my-dqn" / "CartPole-v1" / f"seed-{seed}"), {"scalars": 0})
    events.Reload()
    return {tag: [(e.step, e.value) for e in events.Scalars(tag)] for tag in events.Tags()["scalars"]}


@pytest.mark.parametrize("seed", [0, 1])
def test_its_own_reader_finds_every_record_at_its_step(out, seed):
    results, found = rlbench.load(out), scalars(out, seed)
    episodes = results.episodes().query("seed == @seed")
    assert found["charts/episodic_return"] == list(zip(episodes["step"], episodes["return"]))
    assert found["charts/episodic_length"] == list(zip(episodes["step"], episodes["length"]))
    means = [sum(episodes["return"][: i + 1]) / (i + 1) for i in range(len(episodes))]
    assert [value for _, value in found["rollout/ep_rew_mean"]] == pytest.approx(means, rel=1e-6)
    evaluations = results.evaluations().query("seed == @seed")
    grid = evaluations[evaluations["kind"] == "grid"]
    assert found["eval/mean_reward"] == list(zip(grid["step"], grid["return_mean"]))
    assert found["eval/final_mean_reward"] == [(240, evaluations["return_mean"].iloc[-1])]
    metrics = results.metrics().query("seed == @seed")
    for name, rows in metrics.groupby("name"):
        assert [step for step, _ in found[f"train/{name}"]] == list(rows["step"])
        assert [value for _, value in found[f"train/{name}"]] == pytest.approx(list(rows["value"]), rel=1e-6)


def test_import_reads_what_was_written(out, tmp_path):
    ran = command(
        "import", out / "tensorboard", "-o", tmp_path / "again", "--path", "{algorithm}/{environment}/seed-{seed}"
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    imported, original = rlbench.load(tmp_path / "again").episodes(), rlbench.load(out).episodes()
    common = original.groupby("seed")["step"].max().min()  # imported runs of one task share a budget
    original = original[original["step"] <= common]
    assert sorted(zip(imported["seed"], imported["step"], imported["return"])) == sorted(
        zip(original["seed"], original["step"], original["return"])
    )


def test_a_logger_that_is_not_installed_is_named_with_those_that_are(out, tmp_path):
    ran = command("run", out.parent / "s.yaml", "-o", tmp_path / "o", "--log", "tensorbord")
    assert ran.returncode == 2 and "no logger called 'tensorbord' is installed; installed are tensorboard" in ran.stderr
