"""A value that was changed after it had been written, in a file that can still be read, is noticed."""

import json

import pytest
from support.cli import rlbench
from support.result_folders import folder
from support.tampered_runs import edit_result

from rlbench.results import Store
from rlbench.results.checksums import is_unchanged, with_checksum


@pytest.fixture
def store(tmp_path):
    return folder(tmp_path / "new", {"a": {"CartPole-v1": [400.0, 401.0]}})


def change(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def statuses(store):
    return [str(store.states([run])[run.key].status) for run in store.runs()]


@pytest.mark.parametrize(
    "document", [{}, {"a": [1, 2.5, -0.0, 1e300, None, True], "b": {"é": "\u2028"}}, {"a": "\udc80"}, {"a": 10**15}]
)
def test_a_document_agrees_with_its_checksum_after_it_was_written_and_read(document, tmp_path):
    from rlbench.results.file_io import parse_json, write_json

    write_json(tmp_path / "x.json", with_checksum(document))
    read = parse_json(tmp_path / "x.json")
    assert is_unchanged(read) and not is_unchanged({**read, "new": 1})
    assert is_unchanged(json.loads(json.dumps(read, sort_keys=True))) and with_checksum(read) == read


def test_a_changed_number_of_a_result_makes_its_run_corrupt_and_no_other(store):
    runs = store.runs()
    change(store.folder(runs[0]) / "result.json", '"wall_seconds": 1.0', '"wall_seconds": 7.0')
    assert statuses(store) == ["corrupt", "done"]
    assert "its checksum differs" in rlbench("table", store.root).stderr


def test_a_result_without_a_checksum_is_one_of_an_earlier_version(store):
    path = store.folder(store.runs()[0])
    edit_result(path, lambda document: document.update(wall_seconds=7.0))
    document = json.loads((path / "result.json").read_text())
    del document["checksum"]
    (path / "result.json").write_text(json.dumps(document))
    assert statuses(store) == ["done", "done"]


def test_a_changed_label_in_suite_json_is_named_and_the_next_description_mends_it(store):
    runs = store.runs()
    change(store.root / "suite.json", '"label": "a"', '"label": "b"')
    ran = rlbench("table", store.root)
    assert ran.returncode == 73 and "its checksum differs" in ran.stderr
    store.describe_suite({"name": "made", "environments": []}, runs, "0")
    assert [run.label for run in Store(store.root).runs()] == ["a", "a"]
