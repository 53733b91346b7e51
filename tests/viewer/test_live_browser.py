"""The page in a browser while a suite is trained, after its command was killed, and once it is done."""

import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager

import pytest
from support.browser import CHROMIUM, browser

pytestmark = [
    pytest.mark.slow,
    pytest.mark.faults,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here"),
]
PROGRAM = [sys.executable, "-m", "rlbench.cli.main"]
# An algorithm that stops to open a file after 120 steps: if that is a pipe, until the test opens its other end.
WAITS = """
from rlbench import Algorithm, AlgorithmSpec, Supports, hookimpl

class Waits(Algorithm):
    def act(self, obs): return (obs[..., 2] > 0).astype(int)
    def train(self, interaction):
        interaction.reset()
        for step in range(200):
            if step == 120: open({path!r}).close()
            interaction.step(self.act(interaction.obs))

@hookimpl
def rlbench_algorithms():
    return [AlgorithmSpec("waits", Waits, Supports(discrete=True), resumable=False)]
"""
SUITE = """
name: small
algorithms: [random, waits]
environments: [{id: CartPole-v1, steps: 200}]
seeds: 3
evaluation: {every: 50, episodes: 2, final_episodes: 3}
"""
STICKS_OUT = """[...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > innerWidth + 1
  && !e.closest('.scroll, pre, svg, .unseen')).map(e => e.outerHTML.slice(0, 80))"""


@contextmanager
def training(folder):
    command = [*PROGRAM, "run", "small.yaml", "--plugin", "waits.py", "-j", "1"]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@contextmanager
def viewing(folder, port="0"):
    command = [*PROGRAM, "view", "results/small", "--no-browser", "--port", port]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process.stdout.readline().strip()
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate()


def wait_until_planned(process):
    lines = []
    for line in process.stderr:
        lines.append(line)
        if "started" in line:
            return
    raise AssertionError("".join(lines))


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "waits.py").write_text(WAITS.format(path=str(tmp_path / "go")))
    (tmp_path / "small.yaml").write_text(SUITE)
    os.mkfifo(tmp_path / "go")
    return tmp_path


@pytest.fixture(scope="module")
def tab():
    with browser() as opened:
        yield opened


def test_a_suite_is_followed_to_its_end(tab, folder, monkeypatch):
    monkeypatch.delenv("RLBENCH_NO_REPORT")
    with training(folder) as process:
        wait_until_planned(process)
        with viewing(folder) as url:
            tab.requests.clear()
            tab.complaints.clear()
            tab.open(url, 1280)
            tab.wait("/3 of 6 runs finished/.test(document.body.textContent)")
            tab.wait("document.querySelectorAll('#panels .panel .centre').length === 2")  # random is done, waits trains
            tab.wait("document.querySelector('#report main #verdict')")
            for width, scheme in ((1280, "dark"), (400, "light"), (400, "dark")):
                tab.open(url, width, scheme=scheme)
                tab.wait("document.querySelector('#report main #verdict') && document.querySelector('#panels svg')")
                assert tab.ask("document.documentElement.scrollWidth") <= width
                assert tab.ask(STICKS_OUT) == []
                light = tab.ask("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
                assert light is (scheme == "light")
            # What the reader has unfolded stays so when the report is replaced.
            tab.ask("window.before = document.documentElement.dataset.report")
            tab.ask("document.querySelector('#report details').open = true")
            open(folder / "go", "w").close()
            tab.wait("/^100 %/.test(document.title) && document.getElementById('curves').hidden")
            tab.wait(
                "document.documentElement.dataset.report !== window.before && /6 of 6/.test(document.body.textContent)"
            )
            assert tab.ask("document.querySelector('#report details').open") is True
            assert process.wait(timeout=120) == 0, process.stderr.read()
            assert [request for request in tab.requests if not request.startswith((url, "data:,"))] == []
            assert tab.complaints == []
    assert (folder / "results/small/report.html").exists()  # the command's own
    assert not (folder / "results/small/index.parquet").exists()


def test_a_killed_command_is_said_and_what_it_had_recorded_is_shown(tab, folder):
    with training(folder) as process:
        wait_until_planned(process)
        with viewing(folder) as url:
            tab.open(url, 400)
            tab.wait("document.querySelectorAll('#panels .panel .centre').length === 2")
            tab.wait("/3 running/.test(document.body.textContent)")
            process.kill()
            tab.wait("/No command is running, and 3 runs are not finished/.test(document.body.textContent)")
            assert tab.ask("/rlbench run small.yaml -o/.test(document.querySelector('#live code').textContent)")
            assert tab.ask("document.querySelectorAll('#panels .centre').length") == 2
            assert tab.ask("document.documentElement.scrollWidth") <= 400


def test_a_report_runs_nothing_and_a_page_says_that_its_server_has_gone(tab, folder):
    """Markup as a plugin's section might have it: the page's policy forbids what it would do."""
    (folder / "go").unlink(), (folder / "go").touch()
    with training(folder) as process:
        assert process.wait(timeout=120) == 0, process.stderr.read()
    with viewing(folder) as url:
        tab.open(url, 400)
        tab.wait("document.querySelector('#report main')")
        assert tab.ask("document.getElementById('lost').hidden") is True
        tab.complaints.clear()
        bad = '<img src="data:," onerror="window.bad = 1"><script>window.bad = 1</script>'
        tab.ask(f"document.querySelector('#report-note').innerHTML = {json.dumps(bad)}")
        assert any("Content Security Policy" in complaint for complaint in tab.complaints)
        assert tab.ask("window.bad === undefined")
    tab.wait("!document.getElementById('lost').hidden")
    assert tab.ask("document.querySelectorAll('#report main section').length") > 3  # what was there stays
    with viewing(folder, url.rstrip("/").rpartition(":")[2]):  # the next server there: the page loads itself again
        tab.wait_for_load(again=True)
        tab.wait("document.querySelector('#report main') && document.getElementById('lost').hidden")
