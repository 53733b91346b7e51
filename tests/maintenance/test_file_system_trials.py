"""A file system is tried with real files; each ability that it lacks is named, with what follows from that."""

import errno
import os

import pytest

from rlbench.maintenance import file_system_trials, machine_checkup
from rlbench.maintenance.file_system_trials import try_file_system
from rlbench.maintenance.leftovers import is_draft


@pytest.fixture(autouse=True)
def enough_space(monkeypatch):
    monkeypatch.setattr(machine_checkup, "LOW_DISK", 0)


def missing(root):
    return [finding.what for finding in try_file_system(root) if finding.level == "to do"]


def refuse(*arguments, **options):
    raise OSError(errno.EPERM, "Operation not permitted")


def test_an_ordinary_folder_can_do_everything_and_nothing_is_left_in_it(tmp_path):
    findings = list(try_file_system(tmp_path))
    assert {str(finding.level) for finding in findings} == {"ok"}
    assert any("locks, hard links, atomic renames and fsync work" in finding.what for finding in findings)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("function, lacks", [("fsync", "fsync"), ("replace", "atomic renames")])
def test_what_the_system_refuses_is_named(tmp_path, monkeypatch, function, lacks):
    monkeypatch.setattr(os, function, refuse)
    told = missing(tmp_path)
    assert any(text.startswith(f"no {lacks} (Operation not permitted): ") for text in told)


def test_a_lock_that_two_processes_hold_is_none(tmp_path, monkeypatch):
    monkeypatch.setattr(file_system_trials.fcntl, "flock", lambda file, mode: None)
    assert missing(tmp_path) == [
        "no locks (two processes can hold one): two commands may write to the folder at once and damage it"
    ]


def test_a_link_that_replaces_and_a_rename_in_place_are_found(tmp_path, monkeypatch):
    monkeypatch.setattr(
        file_system_trials, "publish_file", lambda path, text: path.write_text(text) and text == "first"
    )
    monkeypatch.setattr(file_system_trials, "replace_file", lambda path, write: write(path))
    told = missing(tmp_path)
    assert [text.partition(":")[0] for text in told] == [
        "no hard links (a link replaces a file)",
        "no atomic renames (an open file changes)",
    ]


def test_a_clock_that_differs_is_noted(tmp_path, monkeypatch):
    now = file_system_trials.time.time
    monkeypatch.setattr(file_system_trials.time, "time", lambda: now() + 3600)
    (finding,) = [finding for finding in try_file_system(tmp_path) if finding.where == "clock"]
    assert finding.level == "note" and "1 h before this machine's" in finding.what


def test_a_folder_in_which_nothing_can_be_made_is_to_do(tmp_path, monkeypatch):
    made = []
    monkeypatch.setattr(file_system_trials, "temporary_path", lambda path: made.append(path) or tmp_path / "no/place")
    (told,) = missing(tmp_path)
    assert "nothing can be written" in told and made == [tmp_path / "doctor"]


def test_the_scratch_folder_of_a_killed_doctor_is_known_as_a_draft(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(file_system_trials, "_try", lambda scratch: seen.append(scratch.name) or iter(()))
    list(try_file_system(tmp_path))
    assert seen and is_draft(seen[0])


def test_names_that_differ_in_case_alone_may_be_one_file(tmp_path, monkeypatch):
    write = file_system_trials._write

    def in_both_cases(path, text):
        write(path, text)
        write(path.with_name(path.name.upper()), text)

    monkeypatch.setattr(file_system_trials, "_write", in_both_cases)
    assert any("upper and lower case" in finding.what for finding in try_file_system(tmp_path))
