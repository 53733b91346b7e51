"""Tables as spreadsheets, loggers and other languages write them."""

import bz2
import math

import pytest

from rlbench.importers import ForeignError, read_sources

HEADER = "algorithm,environment,seed,step,return\n"


def read(tmp_path, text, columns=(), encoding="utf-8"):
    path = tmp_path / "r.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
    return read_sources([path], dict(columns), None, None)


def one(*arguments, **options):
    (records,) = read(*arguments, **options).records
    return records


def rows(records):
    return [(row.step, row.return_) for row in records.rows]


@pytest.mark.parametrize("separator", [",", ";", "\t", "|", " ", "   "])
def test_the_separator_is_the_one_that_gives_the_columns(tmp_path, separator):
    records = one(tmp_path, (HEADER + "A,X-v0,3,100,1.5\n").replace(",", separator))
    assert (records.algorithm, records.environment, records.seed, rows(records)) == ("A", "X-v0", 3, [(100, 1.5)])


@pytest.mark.parametrize(
    "text",
    [
        "\n\nstep,return\n1,2\n\n",
        "# made by hand\nstep,return\n1,2\n",
        "# step return\n1 2\n",
        "sep=;\nstep;return\n1;2\n",
        "step,return\r\n1,2\r\n",
        '"step","return"\n"1","2"\n',
        ",step,return\n0,1,2\n",
        "step,return,\n1,2,\n",
        "step,return\n1,2",
    ],
)
def test_what_stands_around_the_values_changes_nothing(tmp_path, text):
    assert rows(one(tmp_path, text)) == [(1, 2.0)]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_marks_of_byte_order_are_known(tmp_path, encoding):
    records = one(tmp_path, HEADER + "Grün,X-v0,0,1,2\n", encoding=encoding)
    assert records.algorithm == "Grün"


def test_what_is_packed_is_unpacked_and_what_is_an_archive_is_named(tmp_path):
    assert rows(one(tmp_path, bz2.compress(b"step,return\n1,2\n"))) == [(1, 2.0)]
    with pytest.raises(ForeignError, match="an archive or a spreadsheet"):
        read(tmp_path, b"PK\x03\x04")


def test_a_header_that_stands_again_is_passed_over_and_named(tmp_path):
    found = read(tmp_path, HEADER + "A,X-v0,0,100,1\n" + HEADER + "A,X-v0,1,100,2\n")
    assert [rows(records) for records in found.records] == [[(100, 1.0)], [(100, 2.0)]]
    assert found.records[0].notes == ("the header is repeated in line 3",)
    with pytest.raises(ForeignError, match=r"r\.csv:3: a second, different header"):
        read(tmp_path, "step,return\n1,2\nreturn,step\n3,4\n")


def test_decimal_commas_are_numbers_where_commas_part_nothing(tmp_path):
    assert rows(one(tmp_path, "step;return\n100;-1,5\n")) == [(100, -1.5)]
    with pytest.raises(ForeignError, match=r"3 values, but 2 columns in the header; do numbers contain commas\?"):
        read(tmp_path, "step,return\n100,1,5\n")
    with pytest.raises(ForeignError, match="step '1,000' is not a whole number"):
        read(tmp_path, "step;return\n1,000;5\n")


def test_two_columns_of_one_name_are_told_apart_by_their_place(tmp_path):
    text = "step,return,Return ,reward\n1,100,7,8\n"
    assert one(tmp_path, text).notes == ("the return is read from return, not from reward (--column return=COLUMN)",)
    with pytest.raises(
        ForeignError, match="two columns are called return; choose one with --column 'return=#2' or .*'return=#3'"
    ):
        read(tmp_path, text.replace("Return ", "return"))
    assert rows(one(tmp_path, text.replace("Return ", "return"), {"return": "#3"})) == [(1, 7.0)]


@pytest.mark.parametrize("seed", [-1, 4294967295, (1 << 53) + 1])
def test_a_seed_is_any_whole_number_to_its_last_digit(tmp_path, seed):
    assert one(tmp_path, f"seed,step,return\n{seed},1,2\n").seed == seed


@pytest.mark.parametrize("nothing", ["", "NA", "None", " "])
def test_rows_without_a_return_are_left_out_and_counted(tmp_path, nothing):
    records = one(tmp_path, f"step,return\n1,{nothing}\n2,5\n3,{nothing}\n")
    assert rows(records) == [(2, 5.0)] and records.notes == ("skipped: 2 rows without a return",)


def test_rows_without_a_seed_beside_others_are_no_run_of_their_own(tmp_path):
    found = read(tmp_path, "seed,step,return\n0.0,1,2\n,1,3\n1.0,1,4\n")
    assert [records.seed for records in found.records] == [0, 1]
    assert found.skipped[0].why.endswith("r.csv: 1 row without a seed, although other rows have one")


def test_kinds_may_be_called_otherwise(tmp_path):
    records = one(tmp_path, "step,return,kind\n1,2,train\n1,3,Eval\n")
    assert [row.evaluation for row in records.rows] == [False, True]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            '"Step","a - charts/return","a - charts/return__MIN"\n1,2,3\n',
            "it has Step, a - charts/return, a - charts/ret",
        ),
        ('{"step": 1, "return": 5}\n', "JSON, not a table"),
        ("algorithm,step,return\nGr\xfcn,1,2\n".encode("latin-1"), "line 2 is not UTF-8; save the file as UTF-8"),
    ],
)
def test_what_is_no_such_table_says_what_it_is(tmp_path, text, said):
    with pytest.raises(ForeignError) as error:
        read(tmp_path, text)
    assert said in str(error.value)


def test_nan_between_numbers_is_a_gap_and_to_the_end_is_kept(tmp_path):
    records = one(tmp_path, "step,return\n0,nan\n1,5\n2,nan\n3,6\n4,nan\n")
    assert [step for step, _ in rows(records)] == [1, 3, 4] and math.isnan(records.rows[-1].return_)
    assert records.notes == ("skipped: 2 nans that a number follows",)
    assert [row.return_ for row in one(tmp_path, "step,return\n1,inf\n2,5\n").rows] == [math.inf, 5.0]


def test_a_run_whose_steps_go_back_is_left_out_and_the_others_are_not(tmp_path):
    found = read(tmp_path, "seed,step,return\n0,10,1\n1,10,2\n0,20,1\n0,10,9\n1,20,2\n")
    assert [records.seed for records in found.records] == [1]
    (skipped,) = found.skipped
    assert "r.csv: seed 0: in line 5 the steps go back to 10, from 20 in line 4" in skipped.why


def test_evaluations_may_stand_below_the_episodes(tmp_path):
    records = one(tmp_path, "step,return,kind\n10,1,episode\n20,2,episode\n10,3,evaluation\n20,4,evaluation\n")
    assert rows(records) == [(10, 1.0), (10, 3.0), (20, 2.0), (20, 4.0)]


def test_a_last_line_that_was_cut_short_is_left_out_and_named(tmp_path):
    records = one(tmp_path, HEADER + "A,X-v0,0,100,1\nA,X-v0,0,20")
    assert rows(records) == [(100, 1.0)] and "the last line is incomplete" in records.notes[0]


@pytest.mark.parametrize("step", ["1e300", "1000000000001", "nan", "-5"])
def test_a_step_that_no_budget_reaches_is_refused(tmp_path, step):
    with pytest.raises(ForeignError, match=r"r\.csv:2: step"):
        read(tmp_path, f"step,return\n{step},1\n")


@pytest.mark.parametrize("text", [b"", b"\n\n", b"# nothing\n", b"step,return\n"])
def test_a_file_without_rows_says_so(tmp_path, text):
    with pytest.raises(ForeignError, match="no rows in it"):
        read(tmp_path, text)
