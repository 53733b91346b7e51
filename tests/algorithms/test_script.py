"""Command lines as algorithms: what is read of them, when they are ended, and how their rows are marked."""

import contextlib
import json
import re
import shlex
import sys
from pathlib import Path

import psutil
import pytest
from rlbench_script.lines import CLEANRL, Line, read_line
from rlbench_script.script import Script, ScriptConfig
from support.cli import rlbench as command

import rlbench
from rlbench import Device, SeedStreams
from rlbench.api import RlbenchError, Stopped, TaskInfo
from rlbench.testing import play

ROOT = Path(__file__).parents[2]
ALL = "train.py --env {env} --seed {seed} --steps {steps}"


# -- lines -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("global_step=1234, episodic_return=21.0\n", Line(1234, 21.0)),
        ("global_step=1234, episodic_return=[21.]", Line(1234, 21.0)),
        ("global_step=7, episodic_return=-1.5e+02", Line(7, -150.0)),
        ('{"step": 10}', Line(10)),
        ('{"step": 10, "return": 2, "length": 3}', Line(10, 2.0, 3)),
        ('{"step": 10, "evaluation": [1, 2.5]}', Line(10, None, 0, (1.0, 2.5))),
        ('{"step": 10, "metrics": {"loss": 0.5}}', Line(10, metrics={"loss": 0.5})),
        ("SPS: 1200", None),
        ('{"epoch": 3}', None),
        ("{not json", None),
        ("", None),
    ],
)
def test_a_line_is_understood_or_passed_over(text, line):
    assert read_line(text, re.compile(CLEANRL)) == line


def test_another_form_is_read_by_its_pattern():
    pattern = re.compile(r"\[(?P<step>\d+)\] R=(?P<return>\S+) L=(?P<length>\d+)")
    assert read_line("[300] R=12.5 L=40", pattern) == Line(300, 12.5, 40)


def test_a_number_that_is_none_is_told_with_its_line():
    with pytest.raises(ValueError, match="the line 'global_step=5, episodic_return=high' cannot be understood"):
        read_line("global_step=5, episodic_return=high", re.compile(CLEANRL))


# -- the command line ------------------------------------------------------------------------------------------------
def test_each_word_takes_its_value_whole():
    task = TaskInfo("My Env-v0", None, None, 1, 500)
    script = Script(ScriptConfig(f"{{python}} {ALL} --note 'a {{seed}} b'"), task, SeedStreams([3]), Device("cpu"))
    last = ["train.py", "--env", "My Env-v0", "--seed", "3", "--steps", "500", "--note", "a 3 b"]
    assert script.words(500) == [sys.executable, *last]


def test_a_tuning_seed_is_another_than_a_training_seed_of_the_same_number():
    task, config = TaskInfo("E-v0", None, None, 1, 5), ScriptConfig(ALL)
    words = [Script(config, task, SeedStreams([3], space), Device("cpu")).words(5) for space in ("training", "tuning")]
    assert words[0][4] == "3" and words[1][4] != "3"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"command": ""}, "give a command line"),
        ({"command": "train.py --seed {seed} --steps {steps}"}, r"{env} is missing, so runs would not depend"),
        ({"command": ALL + " {stps}"}, r"there is no {stps}"),
        ({"command": ALL + " 'open"}, "quotation"),
        ({"command": ALL, "pattern": "(?P<step>"}, "pattern: "),
        ({"command": ALL, "pattern": "(?P<step>.)"}, "needs the groups"),
    ],
)
def test_a_command_that_cannot_be_meant_is_refused(wrong, said):
    with pytest.raises(ValueError, match=said):
        ScriptConfig(**wrong)


# -- runs ------------------------------------------------------------------------------------------------------------
SAYS = """
import json, sys, time
env, seed, steps = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
{body}
"""
SUITE = """
name: s
algorithms:
  - random
  - {{id: script, label: mine, params: {{command: {command}}}}}
environments: [{{id: CartPole-v1, steps: 200}}]
seeds: 2
evaluation: {{every: 50, episodes: 2, final_episodes: 4}}
stall_timeout: 60
"""


@pytest.fixture
def run(tmp_path):
    """Runs a script beside `random`; (what was said, the frame of the script's runs)."""

    def ran(body):
        script = tmp_path / "mine.py"
        script.write_text(SAYS.format(body=body))
        line = f"{{python}} {shlex.quote(str(script))} {{env}} {{seed}} {{steps}}"
        (tmp_path / "s.yaml").write_text(SUITE.format(command=json.dumps(line)))
        said = command("run", tmp_path / "s.yaml", "-o", tmp_path / "out", "--no-report")
        rows = rlbench.load(tmp_path / "out").runs()
        return said, rows[rows["algorithm"] == "mine"]

    return ran


def test_its_score_is_that_of_its_latest_episodes_and_its_rows_are_marked(run, tmp_path):
    body = "for s in range(10, steps + 1, 10): print(f'global_step={s}, episodic_return={s + seed}')"
    said, rows = run(body)
    assert said.returncode == 0 and set(rows["status"]) == {"done"} and set(rows["metering"]) == {"self-reported"}
    assert rows.sort_values("seed")["score"].tolist() == [(170 + 180 + 190 + 200) / 4 + seed for seed in (0, 1)]
    (row,) = (line for line in said.stdout.splitlines() if line.startswith("CartPole-v1   mine"))
    assert row.endswith("self-reported") and "docs/scripts.md" in said.stdout
    grid = rlbench.load(tmp_path / "out").evaluations().query("algorithm == 'mine' and seed == 0 and kind == 'grid'")
    assert dict(zip(grid["nominal_step"], grid["return_mean"])) == {50: 45.0, 100: 95.0, 150: 145.0, 200: 195.0}


def test_it_is_ended_at_its_budget_with_what_it_has_started(tmp_path):
    body = """
import pathlib, subprocess
child = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
pathlib.Path(__file__).with_name("child").write_text(str(child.pid))
s = 0
while True:
    s += 30
    print(json.dumps({"step": s, "return": 1.0 if s <= steps else 1000.0}), flush=True)
"""
    played = alone(tmp_path, body)
    assert played.outcome.steps == 200 and played.sink.evaluations[-1].return_mean == 1.0
    assert ends(int((tmp_path / "child").read_text()))


def ends(pid):
    """Whether a process ends within some seconds, be it that nobody asks how."""
    if not psutil.pid_exists(pid):
        return True
    process = psutil.Process(pid)
    with contextlib.suppress(psutil.TimeoutExpired):
        process.wait(5)
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def alone(folder, body, steps=200):
    """One run of a script in this process."""
    (folder / "mine.py").write_text(SAYS.format(body=body))
    config = ScriptConfig(f"{{python}} {shlex.quote(str(folder / 'mine.py'))} {{env}} {{seed}} {{steps}}")
    return play(Script, config, "CartPole-v1", [0], steps, self_reported=True)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            "print('global_step=50, episodic_return=1')",
            "the script ended with code 0 after 50 of 200 environment steps",
        ),
        ("raise SystemExit(3)", "ended with code 3 after 0 of 200"),
        ("import os; os.abort()", "was ended by SIGABRT after 0 of 200"),
        (
            "print('global_step=50, episodic_return=1'); print('global_step=40, episodic_return=1')",
            "step 40 after step 50",
        ),
        ("print('{\"step\": 200}')", "so there is no score"),
    ],
)
def test_an_account_that_cannot_be_is_told(tmp_path, body, message):
    with pytest.raises(RlbenchError, match=message):
        alone(tmp_path, body)


def test_a_return_that_is_not_finite_ends_it_as_diverged(tmp_path):
    played = alone(tmp_path, "print('global_step=50, episodic_return=nan')")
    assert played.outcome.diverged_at == {0: 50} and not played.sink.evaluations


def test_what_ends_by_itself_near_its_budget_has_done_it(tmp_path):
    played = alone(tmp_path, "print('global_step=190, episodic_return=5')")
    assert played.outcome.steps == 200 and played.sink.evaluations[-1].return_mean == 5


def test_a_child_that_holds_its_output_keeps_nobody_waiting(tmp_path):
    body = """
import subprocess
subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"], start_new_session=True)
print("global_step=200, episodic_return=5", end="")
"""
    assert alone(tmp_path, body).sink.evaluations[-1].return_mean == 5  # a last line without its end counts


def test_what_is_reported_beyond_the_budget_does_not_count_even_if_it_is_not_finite(tmp_path):
    body = "print('global_step=150, episodic_return=5'); print('global_step=260, episodic_return=nan')"
    played = alone(tmp_path, body)
    assert played.outcome.diverged_at == {} and played.sink.evaluations[-1].return_mean == 5


def test_a_stop_is_heard_of_while_it_prints_nothing_that_is_understood(tmp_path):
    """Somebody asks for it as soon as the script has said that it is there."""
    script = tmp_path / "mine.py"
    script.write_text(f"import pathlib, signal\npathlib.Path({str(tmp_path / 'there')!r}).touch()\nsignal.pause()")
    config = ScriptConfig(f"{{python}} {shlex.quote(str(script))} {{env}} {{seed}} {{steps}}")

    class Told(Script):
        def train(self, interaction):
            report = interaction.report

            def stopping(*arguments, **more):
                if (tmp_path / "there").exists():
                    interaction.request_stop()
                report(*arguments, **more)

            interaction.report = stopping
            super().train(interaction)

    with pytest.raises(Stopped, match="stopped at step 0"):
        play(Told, config, "CartPole-v1", [0], 200, self_reported=True)


def test_its_metrics_are_kept(tmp_path):
    body = 'print(\'{"step": 100, "metrics": {"loss": 0.5}}\'); print(\'global_step=200, episodic_return=1\')'
    assert alone(tmp_path, body).sink.metrics == [(0, 100, "loss", 0.5)]


def test_a_program_that_is_not_there_is_told(capfd):
    with pytest.raises(RlbenchError, match="ended with code 127"):
        play(Script, ScriptConfig("no-such-program {env} {seed} {steps}"), "CartPole-v1", [0], 9, self_reported=True)
    assert "no-such-program cannot be started: No such file" in capfd.readouterr().err


def test_an_edited_script_is_noticed(run, tmp_path):
    body = "for s in range(10, steps + 1, 10): print(f'global_step={s}, episodic_return={s + seed}')"
    run(body)
    said, _ = run(body + "  # edited")
    assert "data files" in said.stderr


@pytest.mark.long
def test_the_example_in_cleanrls_form_runs_beside_metered_algorithms(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    suite = (ROOT / "examples/script/suite.yaml").read_text().replace("20_000", "2_000").replace("seeds: 5", "seeds: 1")
    (tmp_path / "s.yaml").write_text(suite)
    said = command("run", tmp_path / "s.yaml", "-o", tmp_path / "out")
    assert said.returncode == 0, said.stderr
    command("report", tmp_path / "out")
    rows = rlbench.load(tmp_path / "out").runs().set_index("algorithm")
    assert rows.loc["pg.py", "score"] > 10 and rows.loc["pg.py", "steps"] == 2000
    assert "self-reported" in (tmp_path / "out/report.html").read_text()
