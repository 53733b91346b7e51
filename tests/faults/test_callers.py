"""rlbench.run from wherever Python runs: a program on stdin, a notebook, a function in a process of its own, a thread."""

import multiprocessing
import subprocess
import sys
import threading

import pytest

import rlbench

pytestmark = pytest.mark.faults

SUITE = {
    "name": "s",
    "algorithms": ["random"],
    "environments": [{"id": "CartPole-v1", "steps": 60}],
    "seeds": 2,
    "evaluation": {"episodes": 2, "final_episodes": 3},
}
# Nothing guards its main part: a process that imported the caller's __main__ again would start the suite again.
PROGRAM = f"""
import sys
import rlbench
print("the program begins")
results = rlbench.run({SUITE!r}, output=sys.argv[-1], quiet=True)
print(*results.runs()["status"], results.scores()["score"].tolist())
"""
# As in a notebook: __main__ has no file, and its cells are compiled from text.
NOTEBOOK = """
import sys, types
shell = types.ModuleType("__main__")
del shell.__spec__
sys.modules["__main__"] = shell
for cell in {cells!r}:
    exec(compile(cell, "<cell>", "exec"), vars(shell))
"""


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    results = rlbench.run(SUITE, output=tmp_path_factory.mktemp("expected") / "out", quiet=True)
    return f"done done {results.scores()['score'].tolist()}"


@pytest.mark.parametrize("how", ["stdin", "a file", "a notebook", "a frozen program", "a fork"])
def test_a_suite_runs_the_same_from_any_main_program(tmp_path, expected, how):
    (tmp_path / "program.py").write_text(PROGRAM)
    given = PROGRAM if how == "stdin" else None
    arguments = {
        "stdin": ["-", "out"],
        "a fork": ["-c", f"import os, sys\nif os.fork(): sys.exit(os.wait()[1])\n{PROGRAM}", "out"],
        "a file": ["program.py", "out"],
        "a notebook": ["-c", NOTEBOOK.format(cells=PROGRAM.splitlines()), "out"],
        "a frozen program": ["-c", f"import sys\nsys.argv[0] = __file__ = '/nowhere/program'\n{PROGRAM}", "out"],
    }[how]
    ran = subprocess.run([sys.executable, *arguments], cwd=tmp_path, input=given, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines() == ["the program begins", expected]


def _run(folder):
    rlbench.run(SUITE, output=folder, quiet=True)


def test_a_suite_runs_the_same_in_a_process_that_python_has_started(tmp_path, expected):
    process = multiprocessing.get_context("spawn").Process(target=_run, args=(tmp_path / "out",))
    process.start()
    process.join()
    assert process.exitcode == 0
    assert f"done done {rlbench.load(tmp_path / 'out').scores()['score'].tolist()}" == expected


def test_a_suite_runs_the_same_in_a_thread(tmp_path, expected):
    thread = threading.Thread(target=_run, args=(tmp_path / "out",))
    thread.start()
    thread.join()
    assert f"done done {rlbench.load(tmp_path / 'out').scores()['score'].tolist()}" == expected
