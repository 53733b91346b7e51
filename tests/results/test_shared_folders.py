"""Folders on file systems that machines share: some have no locks or no hard links, and show late what others wrote."""

import errno
import fcntl
import json
import os
import subprocess
import sys
import threading

import pytest

from rlbench.api import LockedError
from rlbench.maintenance.file_system_trials import try_file_system
from rlbench.results import Store, file_io, folder_lease
from rlbench.results.file_io import publish_file, read_bytes
from rlbench.results.folder_lease import Lease


def refuse(number):
    def refused(*arguments, **options):
        raise OSError(number, os.strerror(number))

    return refused


@pytest.fixture(params=folder_lease.NO_LOCKS, ids=errno.errorcode.get)
def pauses(request, monkeypatch):
    """What happens while a process waits: functions that are called, one each time."""
    happens = []
    monkeypatch.setattr(fcntl, "flock", refuse(request.param))
    monkeypatch.setattr(folder_lease, "RENEWAL_SECONDS", 600.0)
    monkeypatch.setattr(folder_lease, "pause", lambda seconds: happens.pop(0)())
    return happens


def nothing():
    """Nothing happens."""


def stale(folder):
    (folder / "LEASE").write_text(json.dumps({"host": "elsewhere", "process": 1, "name": "x", "count": 7}))


def holder(folder):
    return json.loads((folder / "LEASE").read_text())


def test_without_locks_one_process_writes_and_its_successor_follows_when_it_gives_back(tmp_path, pauses):
    first, second = Store(tmp_path), Store(tmp_path)
    first.lock()
    assert second.is_in_use() and not first.is_in_use()
    pauses.append(lambda: first._lock._lease.renew(1))
    with pytest.raises(LockedError, match=f"in use by host .*, process {os.getpid()}"):
        second.lock()
    first.unlock()
    assert not second.is_in_use()
    second.lock()
    second.unlock()
    assert not (tmp_path / "LEASE").exists()


def test_the_lease_of_a_process_of_this_machine_that_was_killed_is_not_waited_for(tmp_path, pauses):
    code = "import os, sys; from pathlib import Path; from rlbench.results.folder_lease import Lease; "
    code += "Lease(Path(sys.argv[1])).take(); os._exit(9)"
    assert subprocess.run([sys.executable, "-c", code, tmp_path]).returncode == 9
    assert (tmp_path / "LEASE").exists() and not Store(tmp_path).is_in_use()
    pauses.append(nothing)  # until it is sure that nobody else takes over
    Store(tmp_path).lock()
    assert holder(tmp_path)["process"] == os.getpid()


def test_a_lease_of_another_machine_is_taken_when_its_number_no_longer_rises(tmp_path, pauses):
    stale(tmp_path)
    assert Store(tmp_path).is_in_use()
    pauses += [nothing, nothing]
    Store(tmp_path).lock()
    assert holder(tmp_path)["process"] == os.getpid()


def test_a_holder_that_stood_still_for_too_long_leaves_the_lease_to_its_successor(tmp_path, pauses):
    first, second = Lease(tmp_path), Lease(tmp_path)
    first.take()
    pauses += [nothing, nothing]
    second.take()
    assert not first.renew(9) and second.renew(1)
    first.give_back()
    assert holder(tmp_path)["count"] == 1
    second.give_back()
    assert not (tmp_path / "LEASE").exists()


def test_of_many_that_find_the_same_stale_lease_one_has_it(tmp_path, pauses, monkeypatch):
    stale(tmp_path)
    found, decided, own = threading.Barrier(6), threading.Barrier(6), threading.local()

    def pause(seconds):
        own.pauses = getattr(own, "pauses", 0) + 1
        (found if own.pauses == 1 else decided).wait()

    monkeypatch.setattr(folder_lease, "pause", pause)
    won = []

    def take():
        lease = Lease(tmp_path)
        try:
            lease.take()
            won.append(lease)
        except LockedError:
            if own.pauses == 1:  # it saw at once that another was quicker
                decided.wait()

    threads = [threading.Thread(target=take, daemon=True) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [lease._name for lease in won] == [holder(tmp_path)["name"]]
    won[0].give_back()


@pytest.mark.parametrize("number", file_io.NO_LINKS, ids=errno.errorcode.get)
def test_without_hard_links_the_first_to_publish_still_wins(tmp_path, monkeypatch, number):
    monkeypatch.setattr(os, "link", refuse(number))
    assert publish_file(tmp_path / "x", "first") and not publish_file(tmp_path / "x", "second")
    assert (tmp_path / "x").read_text() == "first" and os.listdir(tmp_path) == ["x"]


def test_a_link_that_was_made_although_the_answer_says_that_it_exists_counts(tmp_path, monkeypatch):
    link = os.link

    def made_twice(source, target):
        link(source, target)
        raise FileExistsError(errno.EEXIST, "File exists")

    monkeypatch.setattr(os, "link", made_twice)
    assert publish_file(tmp_path / "x", "first")


def test_a_file_that_is_replaced_while_it_is_read_is_read_again(tmp_path, monkeypatch):
    (tmp_path / "x").write_text("new")
    opened = file_io.open_regular
    answers = iter([OSError(errno.ESTALE, "Stale file handle")])

    def stale_once(*arguments):
        if error := next(answers, None):
            raise error
        return opened(*arguments)

    monkeypatch.setattr(file_io, "open_regular", stale_once)
    assert read_bytes(tmp_path / "x") == b"new"


def test_the_doctor_says_what_takes_the_place_of_locks_and_links(tmp_path, monkeypatch):
    monkeypatch.setattr(fcntl, "flock", refuse(errno.ENOLCK))
    monkeypatch.setattr(os, "link", refuse(errno.EPERM))
    said = [finding.what for finding in try_file_system(tmp_path)]
    assert any("no locks (No locks available): a file that is renewed takes their place" in text for text in said)
    assert any("no hard links (Operation not permitted): files are renamed instead" in text for text in said)
