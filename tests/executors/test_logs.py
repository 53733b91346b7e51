"""What a worker prints: whole while it is little, its beginning and its end when it is much."""

import os
import tracemalloc

from rlbench.executors.worker_logs import HEAD_BYTES, TAIL_BYTES, Logs


def written(path, *chunks):
    logs = Logs(path)
    (end,) = logs.write_ends
    for chunk in chunks:
        view = memoryview(chunk)
        while view:
            view = view[os.write(end, view) :]
    return logs


def test_little_is_kept_whole(tmp_path):
    logs = written(tmp_path / "log", b"one\n", b"\xff\x00two\n")
    logs.started()
    logs.finish()
    assert (tmp_path / "log").read_bytes() == b"one\n\xff\x00two\n"


def test_of_much_the_first_and_the_last_bytes_are_kept_and_how_much_lay_between(tmp_path):
    middle = 3 * TAIL_BYTES + 17
    logs = written(tmp_path / "log", b"h" * HEAD_BYTES, b"m" * middle, b"t" * TAIL_BYTES)
    logs.started()
    logs.finish()
    said = f"\n… {middle:,} bytes omitted …\n".encode()
    assert (tmp_path / "log").read_bytes() == b"h" * HEAD_BYTES + said + b"t" * TAIL_BYTES


def test_a_flood_takes_a_few_megabytes_of_memory(tmp_path):
    flood = memoryview(bytes(8 * TAIL_BYTES))
    tracemalloc.start()
    try:
        logs = written(tmp_path / "log", bytes(HEAD_BYTES), flood)
        logs.started()
        logs.finish()
        assert tracemalloc.get_traced_memory()[1] < 5 * TAIL_BYTES
    finally:
        tracemalloc.stop()


def test_the_beginning_can_be_read_while_more_comes(tmp_path):
    logs = written(tmp_path / "log", b"begun\n", b"x" * (1 << 17))  # more than a pipe holds: the first has been taken
    assert (tmp_path / "log").read_bytes().startswith(b"begun\n")
    logs.started()
    logs.finish()


def test_who_holds_the_pipe_open_keeps_nobody_waiting(tmp_path):
    logs = written(tmp_path / "log", b"said before the end\n")
    stray = os.dup(logs.write_ends[0])
    logs.started()
    logs.finish()
    assert (tmp_path / "log").read_bytes() == b"said before the end\n"
    os.close(stray)
