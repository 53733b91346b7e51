"""Names and keys of runs."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlbench.api import (
    COLUMNS,
    EpisodeRecord,
    EvaluationRecord,
    MetricRecord,
    Run,
    RunGroup,
    RunStatus,
    Task,
    Wrapper,
    canonical,
    group_as_dict,
    group_from_dict,
    slug,
)

SAFE = set(string.ascii_letters + string.digits + ".-")


@given(st.text(max_size=400))
def test_a_slug_is_safe_in_a_path_and_short(text):
    found = slug(text, 24)
    assert found and set(found) <= SAFE and len(found) <= 24 and found[0] not in ".-" and found[-1] not in ".-"


@given(st.text(min_size=1, max_size=300), st.text(min_size=1, max_size=300))
def test_a_runs_folder_name_is_at_most_80_bytes(label, env_id):
    run = Run("a/b", {}, Task(env_id, 1), 3, label)
    assert len(run.name.encode()) <= 80 and "/" not in run.name and run.name.endswith(run.key.short)


def test_names_equal_but_for_case_get_folders_of_their_own():
    names = {Run("dqn", {}, Task(env, 1), 0).name.lower() for env in ("A-v0", "a-v0")}
    assert len(names) == 2


def test_the_key_of_a_run_is_fixed_for_ever():
    """Changing this changes every stored result's identity: then KEY_VERSION must change too."""
    run = Run("dqn", {"lr": 0.001, "hidden": [64]}, Task("CartPole-v1", 100, kwargs={"x": 1}), 3)
    assert run.key == "20b4b49c9cc18fbf91db7f2356d0486c60f3c261aa58c8a13c64a4af55824995"
    assert (
        run.key
        == Run("dqn", {"hidden": [64], "lr": 0.001}, Task("CartPole-v1", 100, kwargs={"x": 1}), 3, "a label").key
    )


def test_a_group_survives_json():
    task = Task("X-v0", 9, kwargs={"a": [1]}, wrappers=(Wrapper("m:C", {"k": 2}),))
    group = RunGroup("a", {"b": 1}, task, (1, 2), "l")
    again = group_from_dict(group_as_dict(group))
    assert group_as_dict(again) == group_as_dict(group) and [r.key for r in again.runs] == [r.key for r in group.runs]


def test_a_groups_name_does_not_depend_on_the_order_of_its_seeds():
    assert RunGroup("a", {}, Task("X-v0", 9), (1, 2)).name == RunGroup("a", {}, Task("X-v0", 9), (2, 1)).name


@pytest.mark.parametrize(
    ("table", "record"), [("episodes", EpisodeRecord), ("evaluations", EvaluationRecord), ("metrics", MetricRecord)]
)
def test_columns_are_the_fields_of_the_records_in_order(table, record):
    assert [c.name for c in COLUMNS[table]] == [f.rstrip("_") for f in record._fields]


def test_canonical_text_refuses_what_it_cannot_tell_apart():
    assert canonical({"b": 1, "a": (1, 2)}) == '{"a":[1,2],"b":1}'
    with pytest.raises(TypeError, match="cannot be part of a run's key"):
        canonical({"x": object()})


def test_each_status_is_open_or_final_and_only_two_have_scores():
    assert {status for status in RunStatus if status.has_score} == {"done", "diverged"}
    assert {status for status in RunStatus if status.is_failure} == {"failed", "timeout", "stalled"}
    assert {status for status in RunStatus if not status.is_final} == {"pending", "running", "interrupted"}


def test_a_status_is_described_on_one_line():
    assert RunStatus.DONE.describe() == "done"
    assert RunStatus.FAILED.describe("a\n  b") == "failed: a b"
    assert RunStatus.TIMEOUT.describe("abcdef", " in 2:05", longest=3) == "timeout in 2:05: abc …"


def test_a_group_derives_its_runs_and_its_name_once():
    """A command asks for them at each of a group's runs, of which there may be thousands."""
    group = RunGroup("a", {}, Task("X-v0", 9), tuple(range(50)))
    assert group.name is group.name and group.runs is group.runs
    assert group == RunGroup("a", {}, Task("X-v0", 9), tuple(range(50)))
