"""Where exports are written: a new folder, or an earlier export of the same results; nothing else is touched."""

import json
import os

import pytest
from support import result_folders
from support.cli import rlbench as command

import rlbench
from rlbench.exporters import FORMATS, tensorboard_export, wandb_export
from rlbench.exporters.export_folder import replace_export
from rlbench.results.file_io import draft_writer

SCORES = {"a": {"CartPole-v1": [1.0, 2.0]}, "b": {"CartPole-v1": [3.0]}}


@pytest.fixture
def folder(tmp_path):
    return result_folders.folder(tmp_path / "made", SCORES).root


def names(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_an_export_of_the_same_results_is_renewed_and_other_files_stay(folder, tmp_path):
    out = tmp_path / "hub"
    assert command("export", folder, "--to", "huggingface", "-o", out).returncode == 0
    assert {"a-CartPole-v1/README.md", "b-CartPole-v1/README.md"} <= set(names(out))
    (out / "a-CartPole-v1/mine.txt").write_text("mine")
    (out / "b-CartPole-v1/results.json").write_text("old")
    ran = command("export", folder, "--to", "huggingface", "-o", out, "-a", "b")
    assert ran.returncode == 0, ran.stderr
    left = [
        "a-CartPole-v1/mine.txt",
        "b-CartPole-v1/README.md",
        "b-CartPole-v1/results.json",
        "b-CartPole-v1/suite.yaml",
    ]
    assert names(out) == [*left, "rlbench-export.json"]
    assert json.loads((out / "b-CartPole-v1/results.json").read_text())["mean_reward"] == 3.0
    assert sorted(os.listdir(tmp_path)) == ["hub", "made"]  # no draft is left


def test_a_draft_that_a_killed_export_leaves_behind_is_known_as_one(tmp_path):
    def write(draft):
        (draft / "x").write_text("x")
        assert draft.parent == tmp_path and draft_writer(draft.name) == (True, os.getpid())

    (path,) = replace_export(tmp_path / "out", tmp_path, "csv", write)
    assert path == tmp_path / "out/x" and sorted(os.listdir(tmp_path)) == ["out"]


def test_a_folder_with_other_content_is_refused(folder, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full/mine.txt").write_text("mine")
    ran = command("export", folder, "--to", "rliable", "-o", tmp_path / "full")
    assert ran.returncode == 73 and "is not empty, and has no earlier export of" in ran.stderr and "-o" in ran.stderr
    (tmp_path / "file").write_text("mine")
    ran = command("export", folder, "--to", "rliable", "-o", tmp_path / "file")
    assert ran.returncode == 73 and "is a file" in ran.stderr
    assert command("export", folder, "--to", "rliable", "-o", tmp_path / "r").returncode == 0
    for options in (("--to", "marl-eval"), ("--to", "rliable", tmp_path / "others")):
        result_folders.folder(tmp_path / "others", SCORES)
        source = [] if tmp_path / "others" in options else [folder]
        ran = command("export", *source, *options, "-o", tmp_path / "r")
        assert ran.returncode == 73 and "other results, or in another format" in ran.stderr, ran.stderr
    assert names(tmp_path / "full") == ["mine.txt"]


def test_a_record_from_elsewhere_removes_nothing_outside_the_folder(folder, tmp_path):
    assert command("export", folder, "--to", "rliable", "-o", tmp_path / "r").returncode == 0
    (tmp_path / "precious").write_text("mine")
    (tmp_path / "r/link").symlink_to(tmp_path)
    record = json.loads((tmp_path / "r/rlbench-export.json").read_text())
    record["files"] += ["../precious", str(tmp_path / "precious"), "link/precious"]
    (tmp_path / "r/rlbench-export.json").write_text(json.dumps(record))
    assert command("export", folder, "--to", "rliable", "-o", tmp_path / "r").returncode == 0
    assert (tmp_path / "precious").read_text() == "mine"
    (tmp_path / "r/rlbench-export.json").write_text("[]")
    ran = command("export", folder, "--to", "rliable", "-o", tmp_path / "r")
    assert ran.returncode == 73 and "rlbench-export.json was not written by rlbench" in ran.stderr


def test_a_default_folder_that_leads_out_of_the_results_is_refused(folder, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (folder / "export").symlink_to(tmp_path / "elsewhere")
    for form in ("csv", "rliable"):
        ran = command("export", folder, "--to", form)
        assert ran.returncode == 73 and "leads out of" in ran.stderr
    assert os.listdir(tmp_path / "elsewhere") == []


@pytest.mark.parametrize("form", FORMATS)
def test_results_without_a_finished_run_say_so(tmp_path, form):
    folder = result_folders.folder(tmp_path / "made", {"a": {"CartPole-v1": ["failed"]}}).root
    ran = command("export", folder, "--to", form)
    assert ran.returncode == 4 and "has no finished runs to export" in ran.stderr, ran.stderr
    assert not (folder / "export").exists()


@pytest.mark.parametrize(("form", "module"), [("tensorboard", tensorboard_export), ("wandb", wandb_export)])
def test_a_missing_package_is_named_with_the_extra(folder, form, module, monkeypatch):
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    ran = command("export", folder, "--to", form)
    assert ran.returncode == 2 and f'pip install "rlbench[{form}]"' in ran.stderr
    assert names(folder / "export") == []


def test_an_unknown_format_or_name_gets_a_hint(folder):
    ran = command("export", folder, "--to", "rlible")
    assert ran.returncode == 2 and "rliable" in ran.stderr
    ran = command("export", folder, "--to", "rliable", "-a", "c")
    assert ran.returncode == 2 and "they have a, dqn, b" in ran.stderr, ran.stderr


def test_tables_take_a_selection_too(folder, tmp_path):
    assert command("export", folder, "-a", "b", "-o", tmp_path / "csv").returncode == 0
    assert (tmp_path / "csv/runs.csv").read_text().count("\n") == 2


def test_a_damaged_run_is_left_out_and_named(folder, tmp_path):
    run = rlbench.load(folder).requested[0]
    (folder / "runs" / run.name / "evaluations.parquet").write_bytes(b"x")
    for form in FORMATS[2:]:
        ran = command("export", folder, "--to", form, "-o", tmp_path / form)
        assert ran.returncode == 1 and ran.stderr.count("corrupt: a on CartPole-v1, seed 0") == 1, ran.stderr
        assert f"{tmp_path / form}: 2 runs" in ran.stdout
