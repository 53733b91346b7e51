"""decisions.json: what is written is what is read, and what a damaged one says."""

import json
import math
from dataclasses import replace

import pytest

from rlbench.analysis import Anchors
from rlbench.analysis.sequential_log import Decisions, InterimAnalysis, read_decisions, write_decisions
from rlbench.api import StoreError
from rlbench.results import Store
from rlbench.stats import Design, InterimResult

FIRST = InterimAnalysis(
    1,
    "2026-01-01T00:00:00+00:00",
    (
        InterimResult("a", "b", 1, "better", "a", 0.5, 0.25),
        InterimResult("a", "c", 1, "", "", -0.1, math.inf, (-math.inf, 0.25)),
        InterimResult("b", "c", 1, "", "", 0.0, 0.2),
    ),
    ("b on t: 4 of 5 runs, 1 failed",),
)
SECOND = InterimAnalysis(
    2, "2026-01-01T01:00:00+00:00", (InterimResult("a", "c", 2, "equivalent", "", 0.01, 0.2, (0.01, 0.02)),), (), ("b",)
)
TASKS = {"a": {"t": "k1", "u": "k2"}, "b": {"t": "k3"}, "c": {"t": "k4", "u": "k5"}}
BEGUN = Decisions(Design(), "normalised", TASKS, {"t": Anchors(0, 1, "by hand"), "u": Anchors(-1, 1)})


def test_what_is_written_is_what_is_read(tmp_path):
    assert read_decisions(Store(tmp_path)) is None
    written = replace(BEGUN, looks=(FIRST, SECOND))
    write_decisions(Store(tmp_path), written)
    assert read_decisions(Store(tmp_path)) == written
    assert "Infinity" not in (tmp_path / "decisions.json").read_text()


def test_algorithms_in_question_are_given_one_group_more_and_the_others_keep_what_they_have():
    assert [BEGUN.runs_of(label) for label in "abc"] == [5, 5, 5] and BEGUN.runs == 0 and BEGUN.cap == 5 * 30
    one = replace(BEGUN, looks=(FIRST,))
    assert one.outcomes == {("a", "b"): "better", ("a", "c"): "", ("b", "c"): ""}
    assert [one.runs_of(label) for label in "abc"] == [10, 10, 10] and one.runs == 5 * 5
    closed = replace(
        BEGUN,
        looks=(FIRST, replace(SECOND, readings=(*SECOND.readings, InterimResult("b", "c", 2, "better", "c", -1, 0.1)))),
    )
    assert closed.finished and [closed.runs_of(label) for label in "abc"] == [10, 10, 10] and closed.runs == 50
    early = replace(
        BEGUN, algorithms={"a": {"t": ""}, "b": {"t": ""}}, looks=(replace(FIRST, readings=FIRST.readings[:1]),)
    )
    assert early.finished and early.runs_of("a") == 5 and (early.runs, early.cap) == (10, 60)


def test_readings_are_said_with_their_numbers():
    told = [BEGUN.sentence(reading) for reading in (*FIRST.readings, *SECOND.readings)]
    assert told == [
        "a is better than b: difference 0.5, boundary 0.25",
        "a against c: open, difference 0.1, boundary inf",
        "b against c: open, difference 0, boundary 0.2",
        "a and c are equivalent within 0.05: difference 0.01",
    ]


def test_the_frame_has_a_row_for_each_pair_at_each_look():
    frame = replace(BEGUN, looks=(FIRST, SECOND)).frame()
    assert list(frame["look"]) == [1, 1, 1, 2] and list(frame["runs"]) == [5, 5, 5, 10]
    assert list(frame["outcome"]) == ["better", "", "", "equivalent"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "cannot be read"),
        ('{"schema_version": 99}', "written by a newer rlbench"),
        ('{"schema_version": 1, "looks": []}', "not a valid decisions file"),
    ],
)
def test_a_damaged_file_is_an_error_and_not_a_new_beginning(tmp_path, text, said):
    (tmp_path / "decisions.json").write_text(text)
    with pytest.raises(StoreError, match=said):
        read_decisions(Store(tmp_path))


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (["algorithms"], []),
        (["algorithms", "a"], ["t"]),
        (["algorithms", "a", "t"], 1),
        (["scale"], "relative"),
        (["anchors", "t"], [0, 1]),
        (["anchors", "t", "lower"], 1),
        (["anchors"], {}),
        (["design", "looks"], 10**12),
        (["design", "looks"], None),
        (["design", "alpha"], "0.05"),
        (["design", "more"], 1),
        (["looks"], {}),
        (["looks", 0], None),
        (["looks", 0, "missing"], "b"),
        (["looks", 0, "look"], 2),
        (["looks", 0, "readings", 0, "ours"], "z"),
        (["looks", 0, "readings", 1, "theirs"], "z"),
        (["looks", 0, "readings", 0, "winner"], "c"),
        (["looks", 0, "readings", 0, "difference"], "much"),
        (["looks", 0, "readings", 1, "within"], [1]),
        (["looks", 0, "readings", 0, "look"], 3),
    ],
    ids=str,
)
def test_a_file_of_another_shape_is_an_error_wherever_it_differs(tmp_path, place, value):
    write_decisions(Store(tmp_path), replace(BEGUN, looks=(FIRST, SECOND)))
    path = tmp_path / "decisions.json"
    document = json.loads(path.read_text())
    *outer, name = place
    part = document
    for key in outer:
        part = part[key]
    part[name] = value
    path.write_text(json.dumps(document))
    with pytest.raises(StoreError, match="not a valid decisions file"):
        read_decisions(Store(tmp_path))
