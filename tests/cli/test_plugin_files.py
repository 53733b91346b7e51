"""Algorithms and observers given as a file: their mistakes, their edits, and what they hear."""

import sys

import pytest
from support.small_suites import FAILS, LIGHT, LOOP, WORKS, cells, rlbench


@pytest.mark.parametrize(
    ("how", "status", "said"),
    [
        ("raise ValueError('a mistake of its own')", "failed", "ValueError: a mistake of its own"),
        ("raise SystemExit(0)", "failed", "SystemExit"),
        ("import os; os._exit(0)", "failed", "exited with code 0 during training"),
        ("import ctypes; ctypes.string_at(0)", "failed", "crashed with SIGSEGV"),
        (
            "print('x' * 10**6); import os; os.write(1, b'\\x00\\xff{\"event\": \"finished\"}\\n'); raise OSError('after noise')",
            "failed",
            "after noise",
        ),
    ],
)
@pytest.mark.faults
def test_a_failing_algorithm_is_named_and_the_others_finish(tmp_path, how, status, said):
    plugin, suite = tmp_path / "fails.py", tmp_path / "s.yaml"
    plugin.write_text(FAILS.format(how=how))
    suite.write_text(LIGHT.format(more="fails, leans"))
    ran = rlbench("run", suite, "-o", tmp_path / "out", "--plugin", plugin)
    assert ran.returncode == 1, ran.stderr
    assert said in ran.stderr and f"fails on CartPole-v1, seeds 0, 1, 2: {status}" in ran.stderr
    found = {c["algorithm"]: c for c in cells(tmp_path / "out")}
    assert found["random"]["n_valid"] == found["leans"]["n_valid"] == 3
    assert (
        found["fails"]["n_valid"] == 0 and found["fails"]["statuses"] == {status: 3} and found["fails"]["iqm"] is None
    )


def test_a_failure_is_kept_until_it_is_asked_for_again(tmp_path):
    plugin, suite = tmp_path / "fails.py", tmp_path / "s.yaml"
    plugin.write_text(FAILS.format(how="raise ValueError('no')"))
    suite.write_text(LIGHT.format(more="fails"))
    run = ("run", suite, "-o", tmp_path / "out", "--plugin", plugin)
    assert "6 to do" in rlbench(*run).stderr
    again = rlbench(*run)
    assert again.returncode == 1 and "0 to do" in again.stderr
    assert "3 to do" in rlbench(*run, "--rerun", "failed").stderr


def test_an_observer_hears_of_the_suite_and_its_evaluations(tmp_path):
    plugin, watch, suite = tmp_path / "leans.py", tmp_path / "watch.py", tmp_path / "s.yaml"
    plugin.write_text(FAILS.format(how="pass"))
    watch.write_text(
        f"from rlbench import hookimpl\ndef say(*what):\n    with open({str(tmp_path / 'heard')!r}, 'a') as log: print(*what, file=log)\n"
        "@hookimpl\ndef rlbench_suite_started(suite, groups): say('suite', suite, len(groups))\n"
        "@hookimpl\ndef rlbench_evaluated(group, kind, step, returns): say(kind, group.algorithm, step, len(returns))\n"
        "@hookimpl\ndef rlbench_suite_finished(suite, counts): say('end', counts); raise ValueError('mine')\n"
    )
    suite.write_text(LIGHT.format(more="leans"))
    ran = rlbench("run", suite, "-o", tmp_path / "out", "--plugin", plugin, "--plugin", watch)
    heard = (tmp_path / "heard").read_text().splitlines()
    assert (
        heard[0] == "suite small 2"
        and "grid leans 160 3" in heard
        and "final leans 160 3" in heard
        and heard[-1] == "end {'done': 6}"
    )
    assert ran.returncode == 0 and "rlbench_suite_finished of plugin 'watch': ValueError: mine" in ran.stderr


def test_a_train_that_returns_early_has_failed(tmp_path):
    plugin, suite = tmp_path / "any_name.py", tmp_path / "s.yaml"
    plugin.write_text(FAILS.format(how="interaction.step(0 * self.streams.integers('explore', 2, 1))"))
    suite.write_text(LIGHT.format(more="fails"))
    ran = rlbench("run", suite, "-o", tmp_path / "out", "--plugin", plugin)
    assert ran.returncode == 1 and "failed: `train` returned after 1 of 160 environment steps" in ran.stderr


def test_edited_code_is_told_and_trained_again_when_asked(tmp_path):
    plugin, suite = tmp_path / "mine.py", tmp_path / "s.yaml"
    plugin.write_text(WORKS.format(threshold=0, how=LOOP))
    suite.write_text(LIGHT.format(more="{id: fails, label: mine}"))
    run = ("run", suite, "-o", tmp_path / "out", "--plugin", plugin)
    assert "other code" not in rlbench(*run).stderr
    plugin.write_text(WORKS.format(threshold=99, how=LOOP))
    told = rlbench(*run)
    assert (
        told.returncode == 0
        and "made by different code or settings than the present ones: mine (mine has changed (edited " in told.stderr
    )
    again = rlbench(*run, "--rerun", "changed")
    assert "3 to do" in again.stderr and "kept as they are" not in again.stderr
    assert cells(tmp_path / "out")[1]["iqm"] < 15


def test_a_file_that_only_registers_an_environment_is_imported_where_the_runs_are(tmp_path, registry):
    (tmp_path / "env_of_mine.py").write_text(
        "import gymnasium\ngymnasium.register('Mine-v0', 'gymnasium.envs.classic_control.cartpole:CartPoleEnv', max_episode_steps=50)\n"
    )
    (tmp_path / "s.yaml").write_text(LIGHT.format(more="").replace(", ]", "]").replace("CartPole-v1", "Mine-v0"))
    ran = rlbench("run", tmp_path / "s.yaml", "-o", tmp_path / "out", "--plugin", tmp_path / "env_of_mine.py")
    assert ran.returncode == 0, ran.stderr


def test_finished_runs_of_an_algorithm_whose_file_is_broken_by_now_stay_in_the_table(tmp_path):
    plugin, suite = tmp_path / "fails.py", tmp_path / "s.yaml"
    plugin.write_text(FAILS.format(how="pass"))
    suite.write_text(LIGHT.format(more="leans"))
    run = ("run", suite, "-o", tmp_path / "out", "--plugin", plugin)
    assert rlbench(*run).returncode == 0
    plugin.write_text("import a_module_that_is_not_there")
    again = rlbench(*run)
    assert again.returncode == 1 and "failed: leans on CartPole-v1" in again.stdout
    assert {c["algorithm"]: c["n_valid"] for c in cells(tmp_path / "out")} == {"random": 3, "leans": 3}


def test_a_module_beside_a_plugins_file_is_found_from_anywhere(tmp_path, monkeypatch):
    (tmp_path / "p").mkdir()
    (tmp_path / "q").mkdir()
    monkeypatch.chdir(tmp_path / "q")
    (tmp_path / "p" / "besides.py").write_text("THRESHOLD = 0.0")
    (tmp_path / "p" / "later.py").write_text("SIGN = 1")
    text = WORKS.format(how="import later" + LOOP, threshold="THRESHOLD * __import__('later').SIGN")
    (tmp_path / "p" / "plug.py").write_text("from besides import THRESHOLD\n" + text)
    (tmp_path / "q" / "s.yaml").write_text(LIGHT.format(more="fails"))
    before = list(sys.path)
    ran = rlbench("run", "s.yaml", "-q", "-o", "out", "--plugin", tmp_path / "p" / "plug.py")
    assert ran.returncode == 0, ran.stderr
    assert sys.path == before
    (tmp_path / "p" / "besides.py").write_text("THRESHOLD = -9.0")
    ran = rlbench("run", "s.yaml", "-o", "out", "--plugin", tmp_path / "p" / "plug.py")
    assert "made by different code" in ran.stderr and "fails (besides has changed (edited " in ran.stderr
    assert "random (" not in ran.stderr  # a plugin's file is part of its own runs alone
