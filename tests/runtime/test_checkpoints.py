"""A checkpoint is complete, or it is passed over: what a folder of somebody else's holds in its place is not waited for."""

import hashlib
import json
import os

import numpy as np
import pytest

import rlbench.runtime.checkpoint as module
from rlbench.runtime.checkpoint import SeedState, complete, load, save


@pytest.fixture
def checkpoint(tmp_path):
    folder = tmp_path / "000000000100"
    folder.mkdir()
    (folder / "seed-0.json").write_text("{}")
    done = {"version": 1, "step": 100, "sha256": {"seed-0.json": hashlib.sha256(b"{}").hexdigest()}}
    (folder / "DONE").write_text(json.dumps(done))
    return folder


def test_whole_it_is_found_and_changed_it_is_not(checkpoint):
    assert complete(checkpoint.parent) == [checkpoint]
    (checkpoint / "seed-0.json").write_text("[]")
    assert complete(checkpoint.parent) == []


def test_one_that_was_being_written_when_its_process_ended_is_passed_over(tmp_path, monkeypatch):
    def states(step):
        return [SeedState(seed, step, {}, {"weights": np.arange(3.0)}) for seed in (0, 1)]

    earlier = save(tmp_path, states(100))
    for calls in range(8):  # two files of each seed, DONE under another name, its own name, the folder, the one above
        left = iter(range(calls))

        def ends(function, left=left):
            def called(*arguments):
                if next(left, None) is None:
                    raise SystemExit
                return function(*arguments)

            return called

        with monkeypatch.context() as patch, pytest.raises(SystemExit):
            patch.setattr(module, "sync", ends(module.sync))
            patch.setattr(module.os, "replace", ends(os.replace))
            save(tmp_path, states(200))
        assert complete(tmp_path) == ([tmp_path / "000000000200"] if calls >= 6 else []) + [earlier]
    assert [load(save(tmp_path, states(200)), seed).step for seed in (0, 1)] == [200, 200]


@pytest.mark.parametrize("name", ["seed-0.json", "seed-1.json", "DONE"])
def test_with_a_pipe_in_it_it_is_passed_over(checkpoint, name):
    (checkpoint / name).unlink(missing_ok=True)
    os.mkfifo(checkpoint / name)
    assert complete(checkpoint.parent) == []


def test_a_mark_without_end_is_not_read(checkpoint):
    os.truncate(checkpoint / "DONE", 1 << 40)  # sparse
    assert complete(checkpoint.parent) == []


@pytest.mark.parametrize("name", ["1", "000000000101", "9" * 200, "\u0661\u0662"])
def test_a_folder_of_another_step_than_its_checkpoint_is_skipped(checkpoint, name):
    checkpoint.rename(checkpoint.with_name(name))
    assert complete(checkpoint.parent) == []


def test_a_huge_file_in_it_is_not_hashed(checkpoint):
    done = json.loads((checkpoint / "DONE").read_text())
    (checkpoint / "DONE").write_text(json.dumps(done | {"sha256": {"x": "0"}}))
    with open(checkpoint / "x", "wb") as file:
        file.truncate(1 << 40)  # sparse
    assert complete(checkpoint.parent) == []


def test_a_state_of_another_step_is_refused(checkpoint):
    (checkpoint / "seed-0.json").write_text('{"step": 59999}')
    with pytest.raises(ValueError, match="holds a state of step 59999"):
        load(checkpoint, 0)


def test_a_link_to_a_checkpoint_is_skipped(checkpoint, tmp_path):
    checkpoint.rename(tmp_path / "elsewhere")
    checkpoint.symlink_to(tmp_path / "elsewhere")
    assert complete(checkpoint.parent) == []
