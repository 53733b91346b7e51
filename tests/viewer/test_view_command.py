"""`rlbench view` as a command: its address, its ends, and that it disturbs no command that trains."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
from urllib.parse import urlsplit

import pytest
from support.cli import rlbench
from support.report_pages import group, play, suite_of

from rlbench.cli.commands import view

PROGRAM = [sys.executable, "-m", "rlbench.cli.main"]


@pytest.fixture
def made(tmp_path):
    one = group("a", 3)
    store = suite_of(tmp_path / "results" / "small", [one])
    play(store, one, [90.0, 70.0, 80.0])
    return tmp_path


def started(folder, *arguments):
    return subprocess.Popen(
        [*PROGRAM, "view", *arguments, "--no-browser"],
        cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def page(url):
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
    connection.request("GET", "/")
    answer = connection.getresponse().read().decode()
    connection.close()
    return answer


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_it_prints_its_address_serves_the_newest_results_and_ends_with_the_signal(made, number, code):
    with started(made, "--port", "0") as process:
        url = process.stdout.readline().strip()
        assert url.startswith("http://127.0.0.1:") and "<h1>small</h1>" in page(url)
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (code, "")
    assert err.rstrip("\n") == "showing results/small; Ctrl-C ends it"


def test_it_ends_at_once_while_a_page_is_open_and_a_report_is_drawn(made):
    with started(made, "small", "--port", "0") as process:
        connection = http.client.HTTPConnection(urlsplit(process.stdout.readline().strip()).netloc, timeout=60)
        connection.request("GET", "/events")
        answer = connection.getresponse()
        assert answer.readline() == b"event: server\n"
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 130
        answer.close(), connection.close()
    assert sorted(os.listdir(made / "results" / "small")) == ["attempts", "runs", "suite.json"]


def test_a_port_that_is_taken_is_an_error_that_says_what_to_do(made):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        ran = rlbench("view", made / "results" / "small", "--port", port, "--no-browser")
    assert ran.returncode == 2 and f"--port {port}: Address already in use; choose another port, or 0" in ran.stderr


def test_without_a_port_another_one_is_taken_if_the_usual_one_is_not_free():
    made = []

    def make(number):
        made.append(number)
        if number:
            raise OSError(98, "Address already in use")
        return "server"

    assert view._open_server(make, None) == "server" and made == [view.DEFAULT_PORT, 0]


def test_a_folder_without_results_is_refused(tmp_path):
    ran = rlbench("view", tmp_path, "--no-browser")
    assert ran.returncode == 73 and "no results here" in ran.stderr
    ran = rlbench("view", "--no-browser", RLBENCH_RESULTS=str(tmp_path))
    assert ran.returncode == 2 and "there are no results in" in ran.stderr


def test_a_damaged_suite_is_refused(made):
    (made / "results" / "small" / "suite.json").write_text(json.dumps([]))
    ran = rlbench("view", made / "results" / "small", "--no-browser")
    assert ran.returncode == 73 and "suite.json" in ran.stderr


@pytest.mark.parametrize(
    ("variables", "platform", "display"),
    [
        ({}, "linux", False),
        ({"DISPLAY": ":0"}, "linux", True),
        ({"WAYLAND_DISPLAY": "w"}, "linux", True),
        ({}, "darwin", True),
    ],
)
def test_a_browser_is_opened_only_where_there_is_a_display(monkeypatch, variables, platform, display):
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "platform", platform)
    assert view._has_display() is display
