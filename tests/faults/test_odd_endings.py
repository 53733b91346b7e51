"""Endings that look like success or like nothing: only a run that has said that it is done counts, and no other suffers."""

import json
import re

import pytest
from support.cli import rlbench

import rlbench as harness

pytestmark = pytest.mark.faults

PLUGIN = """
import asyncio, os, sys, threading
from rlbench import Algorithm, AlgorithmSpec, RlbenchError, Supports, hookimpl

class Odd(Algorithm):
    def act(self, obs): return (obs[..., 2] > 0).astype(int)
    def train(self, interaction):
        interaction.reset()
        while not interaction.finished:
            if interaction.steps == 20: self.end()
            interaction.step(self.act(interaction.obs))
    def end(self): pass

class Unpicklable(Odd):
    def end(self): raise ValueError(threading.Lock(), lambda: 0)
class Chained(Odd):
    def end(self):
        try: raise KeyError("first")
        except KeyError as error: raise ValueError("second") from error
class Long(Odd):
    def end(self): raise ValueError("x" * 1_000_000)
class LongOwn(Odd):
    def end(self): raise RlbenchError("x" * 10_000_000)
class Speechless(Odd):
    def end(self):
        class Speechless(Exception):
            def __str__(self): raise TypeError("no text")
        raise Speechless
class Leaves(Odd):
    def end(self): sys.exit(0)
class Exits(Odd):
    def end(self): os._exit(0)
class Interrupts(Odd):
    def end(self): raise KeyboardInterrupt
class Cancels(Odd):
    def end(self): raise asyncio.CancelledError
class Panics(Odd):
    def end(self): raise type("PanicException", (BaseException,), {})("index out of bounds")
class Closes(Odd):
    def end(self): os.closerange(3, 1000)
class Mute(Odd):
    def end(self): os.closerange(0, 3)

@hookimpl
def rlbench_algorithms():
    return [AlgorithmSpec(kind.__name__.lower(), kind, Supports(discrete=True)) for kind in Odd.__subclasses__()]
"""
SUITE = """
name: odd
algorithms: [{names}]
environments: [{{id: CartPole-v1, steps: 40}}]
seeds: 1
evaluation: {{every: 10, episodes: 1, final_episodes: 1}}
checkpoint_every: 0
"""
# What becomes of each, and what is said of it.
ENDS = {
    "unpicklable": ("failed", r"ValueError: \(<unlocked _thread.lock .*\(odd.py:\d+\)"),
    "chained": ("failed", r"ValueError: second \(odd.py:\d+\)"),
    "long": ("failed", r"ValueError: x{1800,1900}… \(odd.py:\d+\)"),
    "longown": ("failed", r"x{1999}…$"),
    "speechless": ("failed", r"Speechless \(odd.py:\d+\)"),
    "leaves": ("failed", r"SystemExit: 0 \(odd.py:\d+\)"),
    "exits": ("failed", "worker exited with code 0 during training"),
    "interrupts": ("interrupted", "interrupted before a safe point"),
    "cancels": ("failed", r"CancelledError \(odd.py:\d+\)"),
    "panics": ("failed", r".*PanicException: index out of bounds \(odd.py:\d+\)"),
    "closes": ("failed", r"OSError: \[Errno 9\] Bad file descriptor"),
    "mute": ("done", ""),
    "random": ("done", ""),
}
NOT_ALONE = ("exits", "closes", "mute")  # these would take this process along


@pytest.fixture(scope="module", params=["local", "serial"])
def ran(request, tmp_path_factory):
    """A suite of them all, run by an executor: the statuses and messages by algorithm, and what the command said."""
    folder = tmp_path_factory.mktemp(request.param)
    names = [name for name in ENDS if request.param == "local" or name not in NOT_ALONE]
    (folder / "odd.py").write_text(PLUGIN)
    (folder / "s.yaml").write_text(SUITE.format(names=", ".join(names)))
    options = ("-j", "2", "--executor", request.param, "--plugin", folder / "odd.py")
    said = rlbench("run", folder / "s.yaml", "-o", folder / "out", *options)
    runs = harness.load(folder / "out").runs()
    return folder / "out", said, {run.algorithm: (run.status, run.message) for run in runs.itertuples()}


@pytest.mark.parametrize("kind", ENDS)
def test_each_ending_is_what_it_is_and_no_more(ran, kind):
    folder, said, ends = ran
    if kind not in ends:
        pytest.skip("not in this process")
    status, message = ENDS[kind]
    assert said.returncode == 1 and ends[kind][0] == status
    assert re.match(message, ends[kind][1], re.DOTALL), ends[kind][1]
    assert len(list(folder.glob(f"runs/{kind}-*/result.json"))) == (status == "done")
    (record,) = folder.glob(f"attempts/{kind}-*/exit.json")
    assert json.loads(record.read_text())["status"] == status


def test_no_message_of_a_worker_is_too_long_for_a_screen(ran):
    if ran[0].parent.name.startswith("serial"):
        pytest.skip("tracebacks are printed in this process")
    assert len(ran[1].stderr) < 100_000 and "x" * 10_000 not in ran[1].stderr + ran[1].stdout
