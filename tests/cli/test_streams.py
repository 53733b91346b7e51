"""The program where it is started: streams that are closed or know little, a folder that hides modules or is gone."""

import ast
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.cli import rlbench
from support.result_folders import folder

from rlbench.cli import main
from rlbench.cli.text_table import write_out
from rlbench.results.checksums import with_checksum

COMMAND = [str(Path(sys.executable).with_name("rlbench"))]
SUITE = """
name: small
algorithms: [random]
environments: [{id: CartPole-v1, steps: 40}]
seeds: 1
evaluation: {every: 0, final_episodes: 2}
"""


@pytest.fixture
def results(tmp_path):
    scores = {"a": {"CartPole-v1": [30.0, 31.0]}, "b": {"CartPole-v1": [20.0, 22.0]}}
    return folder(tmp_path / "results" / "made", scores).root


def run(*arguments, **more):
    return subprocess.run([*COMMAND, *map(str, arguments)], capture_output=True, **more)


@pytest.mark.parametrize("encoding", ["latin-1", "ascii"])
def test_a_terminal_of_few_characters_gets_others_in_their_place(results, encoding):
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    table = run("table", results, env=environment)
    assert table.returncode == 0 and b"2/2" in table.stdout and b" -" in table.stdout
    compared = run("compare", "a", "b", "-d", results, env=environment)
    assert compared.returncode == 5 and b"A - B" in compared.stdout


def test_what_is_written_out_has_no_control_characters(capsys):
    write_out("a\x1b[31m\x07\x9b\u202e\tb\nc\r\n")
    assert capsys.readouterr().out == "a?[31m???\tb\nc?\n"


def test_what_is_written_out_after_the_reader_has_gone_is_dropped(monkeypatch):
    read, write = os.pipe()
    os.close(read)
    with open(write, "w", encoding="utf-8") as gone:
        monkeypatch.setattr(sys, "stdout", gone)
        for text in ("first", "second"):
            write_out(text)


def test_streams_that_are_closed_lead_nowhere():
    """Where they stayed closed, the next file would be stdout, and what is printed to stderr would go to stdout."""
    code = """
import os, sys
from rlbench.cli.standard_streams import open_streams
open_streams()
print("lost", file=sys.stderr)
os.write(int(sys.argv[1]), str(os.open(os.devnull, os.O_RDONLY)).encode())
"""
    read, write = os.pipe()
    for closed in ("2>&-", ">&- 2>&-", "<&- >&- 2>&-"):
        line = f'exec "$0" -c "$1" {write} {closed}'
        ran = subprocess.run(["sh", "-c", line, sys.executable, code], stdout=subprocess.PIPE, pass_fds=(write,))
        assert ran.returncode == 0 and not ran.stdout and int(os.read(read, 10)) > 2, closed
    os.close(read), os.close(write)


def test_nothing_but_data_goes_to_stdout_where_stderr_is_closed(tmp_path):
    (tmp_path / "s.yaml").write_text(SUITE)
    line = f"exec {COMMAND[0]} run s.yaml --json --no-report 2>&-"
    ran = subprocess.run(["sh", "-c", line], cwd=tmp_path, stdout=subprocess.PIPE)
    events = [json.loads(line)["event"] for line in ran.stdout.splitlines()]
    assert ran.returncode == 0 and events[0] == "suite" and events[-1] == "finished"


def test_a_file_here_hides_no_module_and_that_is_said(results, tmp_path):
    here = tmp_path / "here"
    here.mkdir()
    for name in ("random", "torch", "statistics", "pandas", "gymnasium", "numpy", "logging"):
        (here / f"{name}.py").write_text("raise SystemExit('hidden')")
    (here / "s.yaml").write_text(SUITE)
    assert run("table", results, cwd=here).returncode == 0
    ran = run("run", "s.yaml", "--no-report", cwd=here)
    assert ran.returncode == 0 and b"1/1" in ran.stdout
    assert b"`import random` means Python's random, not random.py" in ran.stderr
    assert b"`import pandas` means the installed pandas" in ran.stderr


def test_a_folder_that_is_gone_is_told_in_a_sentence(results, tmp_path):
    gone = tmp_path / "gone"
    line = f"mkdir {gone} && cd {gone} && rmdir {gone} && exec {COMMAND[0]} table {results}"
    ran = subprocess.run(["sh", "-c", line], capture_output=True, text=True)
    assert ran.returncode == 2 and ran.stderr.startswith("error: the current folder no longer exists")


def test_a_folder_that_may_not_be_read_is_not_an_empty_one(results, monkeypatch):
    scandir = os.scandir

    def refuse(path):
        if Path(path) == results / "runs":
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    for command in ("table", "status", "report", "export"):
        ran = rlbench(command, results)
        assert ran.returncode == 73 and f"{results / 'runs'}: cannot be read by" in ran.stderr
        assert "Permission denied" in ran.stderr and not ran.stdout


@pytest.mark.parametrize(
    "arguments",
    [("table", "?"), ("show", "?"), ("gate", "?", "--against", "?"), ("import", "?"), ("run", "?"), ("view", "?")],
    ids=lambda arguments: arguments[0],
)
def test_a_path_that_no_system_takes_is_told_in_a_sentence(arguments):
    ran = rlbench(*("a" * 5_000 if argument == "?" else argument for argument in arguments))
    assert ran.returncode == 73 and "cannot be read or written: File name too long" in ran.stderr


def test_a_file_that_goes_while_it_is_read_is_told_in_a_sentence(results, monkeypatch):
    def gone(*arguments):
        raise FileNotFoundError(2, "No such file or directory", str(results / "runs/x"))

    monkeypatch.setattr("rlbench.results.store.read_runs", gone)
    ran = rlbench("table", results)
    assert ran.returncode == 73 and f"{results / 'runs/x'}: cannot be read or written" in ran.stderr


def test_a_pipe_is_not_replaced_by_a_page_and_a_link_leads_to_where_it_is_written(results, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link.html").symlink_to("page.html")
    run = next((results / "runs").iterdir())
    for arguments in (("report", results, "-o"), ("evaluate", run, "--video"), ("anchors", "CartPole-v1", "-o")):
        ran = rlbench(*arguments, tmp_path / "pipe")
        assert ran.returncode == 2 and "is a pipe or a device, not a file" in ran.stderr
    assert (tmp_path / "pipe").is_fifo()
    assert rlbench("report", results, "-o", tmp_path / "link.html").returncode == 0
    assert (tmp_path / "link.html").is_symlink() and "<html" in (tmp_path / "page.html").read_text("utf-8")


def test_a_path_moves_no_terminal(tmp_path):
    (tmp_path / "x.csv").write_text("algorithm,environment,seed,step,return\na,b,0,1,1\na,b,0,2,1\n")
    ran = rlbench("import", tmp_path / "x.csv", "-o", tmp_path / "\x1b[31m\x07")
    assert ran.returncode == 0 and "imported into" in ran.stderr, ran.stderr
    assert not {"\x1b", "\x07"} & set(ran.stdout + ran.stderr)


def test_commands_print_nothing_but_what_has_no_control_characters():
    """`write_out` and `write_error` leave them out; the progress of a run has a terminal of its own."""
    folder = Path(main.__file__).parent
    own = {folder / "text_table.py", folder / "marked_lines.py", *(folder / "progress").glob("*.py")}
    printing = {"print", "echo", "secho"}
    found = [
        f"{path.name}:{node.lineno}"
        for path in sorted(set(folder.rglob("*.py")) - own)
        for node in ast.walk(ast.parse(path.read_bytes()))
        if isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) in printing
    ]
    assert found == []


def test_a_name_moves_no_terminal(results):
    path = results / "suite.json"
    document = json.loads(
        path.read_text().replace('"name": "made"', '"name": "\\u001b]0;title\\u0007\\u001b[31m\\u202e"')
    )
    path.write_text(json.dumps(with_checksum(document)))
    for command in ("table", "status", "report", "compare"):
        ran = rlbench(command, *(["a", "b", "-d"] if command == "compare" else []), results)
        assert ran.returncode in (0, 5) and not {"\x1b", "\x07", "\u202e"} & set(ran.stdout + ran.stderr)
    ran = rlbench("table", "no\x1b[31m")
    assert ran.returncode == 2 and "\x1b" not in ran.stderr


@pytest.mark.parametrize("how", ["option", "variable"])
def test_a_tilde_is_the_users_folder(tmp_path, monkeypatch, how):
    monkeypatch.chdir(tmp_path)
    home = tmp_path / "home"
    home.mkdir()
    Path("s.yaml").write_text(SUITE)
    if how == "option":
        ran = rlbench("run", "s.yaml", "-q", "--output=~/small", HOME=str(home))
    else:
        ran = rlbench("run", "s.yaml", "-q", HOME=str(home), RLBENCH_RESULTS="~")
    assert ran.returncode == 0 and (home / "small" / "suite.json").exists() and not Path("~").exists()
    assert rlbench("table", "~/small", HOME=str(home)).returncode == 0
    shutil.rmtree(home)
