"""A checkpoint is complete, or it is passed over: what a folder of somebody else's holds in its place is not waited for."""

import hashlib
import json
import os

import pytest

from rlbench.runtime.checkpoint import complete


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


@pytest.mark.parametrize("name", ["seed-0.json", "seed-1.json", "DONE"])
def test_with_a_pipe_in_it_it_is_passed_over(checkpoint, name):
    (checkpoint / name).unlink(missing_ok=True)
    os.mkfifo(checkpoint / name)
    assert complete(checkpoint.parent) == []


def test_a_mark_without_end_is_not_read(checkpoint):
    os.truncate(checkpoint / "DONE", 1 << 40)  # sparse
    assert complete(checkpoint.parent) == []
