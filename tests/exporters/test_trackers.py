"""`rlbench export --to tensorboard` and `wandb`: what `--log` had written while the suite ran, from the folder alone."""

import importlib
import sys
from importlib.util import find_spec

import pytest
from support import result_folders
from support.cli import rlbench as command
from support.wandb_reader import NOT_INSTALLED, read_all
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import rlbench
from rlbench.exporters.export_results import export_results

HAS_WANDB = find_spec("wandb") is not None
RUN = "my-dqn/CartPole-v1/seed-{}"
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
    folder = tmp_path_factory.mktemp("live")
    (folder / "s.yaml").write_text(SUITE)
    loggers = ["--log", "tensorboard", *(["--log", "wandb"] if HAS_WANDB else [])]
    ran = command("run", folder / "s.yaml", "-o", folder / "out", *loggers)
    assert ran.returncode == 0, ran.stderr
    return folder / "out"


def events(folder):
    accumulator = EventAccumulator(str(folder), {"scalars": 0})
    accumulator.Reload()
    return {tag: accumulator.Scalars(tag) for tag in accumulator.Tags()["scalars"]}


def points(folder):
    return {tag: [(event.step, event.value) for event in scalars] for tag, scalars in events(folder).items()}


def test_event_files_have_every_scalar_of_the_live_log(out):
    ran = command("export", out, "--to", "tensorboard")
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, f"{out}/export/tensorboard: 2 runs in 2 files\n", "")
    for seed in range(2):
        exported, live = (points(folder / "tensorboard" / RUN.format(seed)) for folder in (out / "export", out))
        assert len(exported) > 7 and exported == live


def test_events_have_the_time_of_the_training_clock(tmp_path):
    store = result_folders.folder(tmp_path / "made", {"a": {"CartPole-v1": [100.0]}}, grid=(0.25, 0.5))
    export_results(rlbench.load(store.root), "tensorboard", tmp_path / "events")
    scalars = events(tmp_path / "events/a/CartPole-v1/seed-0")
    first, second = scalars["eval/mean_reward"]  # after 1 s and 2 s by the folder's own evaluations
    assert (first.step, first.value, second.step, second.value) == (500, 25.0, 1000, 50.0)
    assert second.wall_time - first.wall_time == pytest.approx(1.0, abs=1e-3)


def test_import_reads_the_exported_event_files(out, tmp_path):
    command("export", out, "--to", "tensorboard", "-o", tmp_path / "events")
    options = ["--path", "{algorithm}/{environment}/seed-{seed}", "--tag", "eval/mean_reward", "--every", 80]
    ran = command("import", tmp_path / "events", "-o", tmp_path / "again", *options)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    imported, original = rlbench.load(tmp_path / "again").evaluations(), rlbench.load(out).evaluations()
    columns = ["seed", "step", "return_mean"]
    grid = original[original["kind"] == "grid"]
    expected = sorted(grid[columns].itertuples(index=False, name=None))
    found = imported[imported["kind"] == "grid"]
    assert sorted(found[columns].itertuples(index=False, name=None)) == expected


@pytest.mark.skipif(not HAS_WANDB, reason=NOT_INSTALLED)
def test_wandb_runs_have_every_scalar_and_setting_of_the_live_log(out, tmp_path):
    ran = command("export", out, "--to", "wandb", "-o", tmp_path / "w")
    assert ran.returncode == 0 and ran.stdout.startswith(f"{tmp_path}/w: 2 runs in "), ran.stderr
    exported, live = read_all(tmp_path / "w"), read_all(out / "wandb")
    assert len(exported) == len(live) == 2
    for ours, theirs in zip(exported, live):
        tags = {tag for row in theirs.history for tag in row if "/" in tag}
        assert len(tags) > 7 and {tag for row in ours.history for tag in row if "/" in tag} == tags
        assert {tag: ours.scalar(tag) for tag in tags} == {tag: theirs.scalar(tag) for tag in tags}
        assert ours.config == theirs.config and ours.metrics == theirs.metrics and ours.ended
        names = ("display_name", "run_group", "job_type", "project", "tags")
        assert [ours.run[name] for name in names] == [theirs.run[name] for name in names]
        steps = [row["global_step"] for row in ours.history]
        assert steps == sorted(steps)


def test_a_label_leads_to_no_folder_outside(tmp_path):
    store = result_folders.folder(tmp_path / "made", {"..": {"CartPole-v1": [1.0]}, "../../x": {"CartPole-v1": [2.0]}})
    outcome = export_results(rlbench.load(store.root), "tensorboard", tmp_path / "a/b/events")
    assert len(outcome.files) == 2
    assert set(tmp_path.rglob("*tfevents*")) == set(outcome.files)
    assert all(path.resolve().is_relative_to(tmp_path / "a/b/events") for path in outcome.files)


@pytest.mark.parametrize(
    ("module", "missing", "extra"),
    [("event_files", "tensorboard.compat.proto.event_pb2", "tensorboard"), ("wandb_runs", "wandb", "wandb")],
)
def test_a_logger_without_its_package_names_the_extra(module, missing, extra, monkeypatch):
    monkeypatch.setitem(sys.modules, missing, None)
    monkeypatch.delitem(sys.modules, f"rlbench.trackers.{module}", raising=False)
    with pytest.raises(ModuleNotFoundError) as raised:
        importlib.import_module(f"rlbench.trackers.{module}")
    assert str(raised.value) == f'{extra} is not installed: pip install "rlbench[{extra}]"'
