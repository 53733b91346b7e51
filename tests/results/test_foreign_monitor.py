"""Monitor files as processes leave them: restarted, killed, glued, without a head, packed."""

import gzip
import json

import pytest

from rlbench.importers import ForeignError, read_sources

HEAD = '#{"t_start": 100.0, "env_id": "X-v0"}\nr,l,t\n'


def lines(return_, count, length=10):
    return "".join(f"{return_},{length},{t}.0\n" for t in range(1, count + 1))


def read(path, text, name="0.monitor.csv"):
    path.mkdir(exist_ok=True)
    (path / name).write_bytes(text.encode() if isinstance(text, str) else text)
    reading = read_sources([path], {}, None, None)
    (records,) = reading.records
    assert not reading.skipped
    return records


def returns(records):
    return [row.return_ for row in records.rows]


def test_a_restart_goes_on_where_the_file_does(tmp_path):
    records = read(tmp_path / "a", HEAD + lines(10, 3) + lines(500, 3))
    assert returns(records) == [10, 10, 10, 500, 500, 500] and records.rows[-1].step == 60
    assert records.notes == ("2 sessions, one after another",) and records.seconds == 6.0


def test_a_head_in_the_middle_begins_a_session(tmp_path):
    records = read(tmp_path / "a", HEAD + lines(10, 2) + HEAD.replace("100.0", "900.0") + lines(500, 2))
    assert returns(records) == [10, 10, 500, 500] and "2 sessions" in records.notes[0]


def test_files_of_one_folder_are_merged_session_by_session(tmp_path):
    folder = tmp_path / "a"
    folder.mkdir()
    for rank in (0, 1):
        text = HEAD.replace("100.0", f"{100 + rank / 2}") + lines(rank, 2) + lines(10 + rank, 2)
        (folder / f"{rank}.monitor.csv").write_text(text)
    (records,) = read_sources([folder], {}, None, None).records
    assert returns(records) == [0, 1, 0, 1, 10, 11, 10, 11]
    said = "read as one run in 2 environments: 0.monitor.csv, 1.monitor.csv; pass files of several runs one by one"
    assert said in records.notes


def test_an_environment_without_an_episode_is_named(tmp_path):
    folder = tmp_path / "a"
    folder.mkdir()
    (folder / "0.monitor.csv").write_text(HEAD + lines(10, 2))
    (folder / "1.monitor.csv").write_text(HEAD)
    (records,) = read_sources([folder], {}, None, None).records
    assert returns(records) == [10, 10] and records.notes[0] == "1.monitor.csv: no episode in it"


@pytest.mark.parametrize("rest", ["500.0,1", "500.0,100,2", "\0\0\0\0"])
def test_an_unfinished_last_line_is_left_out_and_named(tmp_path, rest):
    records = read(tmp_path / "a", HEAD + lines(10, 3) + rest)
    assert returns(records) == [10, 10, 10]
    assert records.notes == (f"the last line is incomplete and was skipped: {rest!r}",)


def test_half_a_line_before_a_new_head_is_left_out_and_named(tmp_path):
    records = read(tmp_path / "a", HEAD + lines(10, 100) + "500.0,1" + HEAD + lines(20, 100))
    assert returns(records) == [10] * 100 + [20] * 100
    assert "line 103 is not an episode and was skipped: '500.0,1'" in records.notes


def test_two_lines_in_one_are_left_out_and_named(tmp_path):
    glued = "61,62,136.887254181,182,139.867808\n"
    records = read(tmp_path / "a", HEAD + lines(10, 100) + glued + "20,10,200.0\n")
    assert returns(records) == [10] * 100 + [20]
    assert records.notes == (f"line 103 is not an episode and was skipped: {glued.strip()!r}",)


def test_a_file_with_many_odd_lines_is_none(tmp_path):
    with pytest.raises(ForeignError, match=r"0\.monitor\.csv:6: not the r, l and t of an episode: '1,inf,3'"):
        read(tmp_path / "a", HEAD + lines(10, 3) + "1,inf,3\n")


def test_without_a_head_the_first_three_values_are_r_l_and_t(tmp_path):
    records = read(tmp_path / "a", lines(10, 3).replace(".0\n", ".0,True\n"))
    assert returns(records) == [10, 10, 10] and records.environment == ""
    assert [row.step for row in records.rows] == [10, 20, 30]


def test_a_header_without_json_and_in_another_order_is_read(tmp_path):
    assert returns(read(tmp_path / "a", "t,r,l,is_success\n1.0,7,10,True\n")) == [7]


@pytest.mark.parametrize("change", ["\ufeff".__add__, lambda text: text.replace("\n", "\r\n")])
def test_what_windows_adds_changes_nothing(tmp_path, change):
    assert returns(read(tmp_path / "a", change(HEAD + lines(10, 3)))) == [10, 10, 10]


def test_a_packed_file_is_unpacked(tmp_path):
    packed = gzip.compress((HEAD + lines(10, 3)).encode())
    assert returns(read(tmp_path / "a", packed, "0.monitor.csv.gz")) == [10, 10, 10]
    with pytest.raises(ForeignError, match="cannot be unpacked"):
        read(tmp_path / "b", packed[:-9], "0.monitor.csv.gz")


def test_a_start_that_is_no_number_is_none(tmp_path):
    head = "#" + json.dumps({"t_start": "noon", "env_id": None}) + "\nr,l,t\n"
    assert returns(read(tmp_path / "a", head + lines(10, 3))) == [10, 10, 10]


def test_a_table_that_is_called_a_monitor_is_read_as_a_table(tmp_path):
    assert [row.step for row in read(tmp_path / "a", "step,return\n70,1\n", "my.monitor.csv").rows] == [70]
