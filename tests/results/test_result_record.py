"""The record of result.json: what it writes, and that readers check each of its keys."""

from dataclasses import fields

from rlbench.api import RunStatus
from rlbench.results import json_shapes
from rlbench.results.result_record import GroupFacts, RunOutcome, as_entries, result_keys


def test_a_record_is_written_in_the_order_of_its_keys():
    outcome = RunOutcome(status=RunStatus.DONE, message="", steps=5, diverged_at=None, wall_seconds=1.5, resumed_from=0)
    assert list(as_entries(outcome).items()) == [
        ("status", "done"),
        ("message", ""),
        ("steps", 5),
        ("diverged_at", None),
        ("wall_seconds", 1.5),
        ("resumed_from", 0),
    ]


def test_none_is_written_or_omitted_as_the_key_says():
    facts = GroupFacts(**{f.name: None for f in fields(GroupFacts)})
    assert {f.name for f in fields(GroupFacts)} - {*as_entries(facts)} == {
        "agents",
        "environment_repeats",
        "group_profile",
        "score_from",
        "told",
    }


def test_readers_check_every_key_that_is_written():
    checked = {*json_shapes._RESULT, *json_shapes._OWN, *json_shapes._OF_GROUP, *json_shapes._COMMON}
    assert {key.name for key in result_keys()} == checked - {"imported"}
