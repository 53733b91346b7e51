"""A file that another process appends to: complete lines once each, and nothing that is no object."""

import json
import os

from rlbench.viewer.growing_file import GrowingFile


def test_a_line_is_read_once_it_is_complete_and_then_not_again(tmp_path):
    path = tmp_path / "a.jsonl"
    file = GrowingFile(path)
    assert file.rows() == []
    path.write_text('{"a": 1}\n{"a": 2')
    assert file.rows() == [{"a": 1}]
    with open(path, "a") as more:
        more.write('}\n{"a": 3}\n')
    assert file.rows() == [{"a": 2}, {"a": 3}]
    assert file.rows() == []


def test_what_is_no_object_is_left_out(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'no json\n[1]\n\xff\xfe\n{"a": 1}\n' + b"[" * 100_000 + b"\n" + b'{"a": 2}\n')
    assert GrowingFile(path).rows() == [{"a": 1}, {"a": 2}]


def test_much_is_read_in_parts(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps({"a": n}) + "\n" for n in range(10)))  # of 9 bytes each
    file = GrowingFile(path, most=30)
    looks = [file.rows() for _ in range(5)]
    assert [len(rows) for rows in looks] == [3, 3, 3, 1, 0]
    assert [row["a"] for rows in looks for row in rows] == list(range(10))


def test_a_line_that_never_ends_is_passed_over(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text("x" * 70 + '\n{"a": 1}\n')
    file = GrowingFile(path, most=30)
    assert [file.rows() for _ in range(3)] == [[], [], [{"a": 1}]]


def test_a_pipe_in_its_place_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.jsonl")
    assert GrowingFile(tmp_path / "a.jsonl").rows() == []
