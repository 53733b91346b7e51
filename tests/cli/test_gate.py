"""`rlbench gate`: exit codes, what is printed, and the JSON."""

import json

import pytest
from support.cli import rlbench
from support.result_folders import folder

SCORES = [400.0, 401.0, 402.0, 403.0, 404.0]


@pytest.fixture
def base(tmp_path):
    return folder(tmp_path / "base", {"random": {"CartPole-v1": [22.0]}, "a": {"CartPole-v1": SCORES}}).root


@pytest.mark.parametrize(
    "scores, code, last",
    [
        (SCORES, 0, "PASS: all runs are identical"),
        ([score + 0.5 for score in SCORES], 0, "PASS: every loss is shown to be below the margin"),
        ([score - 300 for score in SCORES], 1, "FAIL: loss above the margin: a on CartPole-v1"),
        ([100.0, 200.0, *SCORES[2:]], 5, "UNDECIDED: a on CartPole-v1"),
    ],
)
def test_the_verdict_is_the_exit_code_and_the_last_line(tmp_path, base, scores, code, last):
    new = folder(tmp_path / "new", {"random": {"CartPole-v1": [22.0]}, "a": {"CartPole-v1": scores}}).root
    ran = rlbench("gate", new, "--against", base)
    assert (ran.returncode, ran.stdout.splitlines()[-1]) == (code, last), ran.stderr
    assert "speed not compared: " in ran.stdout
    found = json.loads(rlbench("gate", new, "--against", base, "--json").stdout)
    assert found["verdict"] == {0: "identical" if scores == SCORES else "pass", 1: "fail", 5: "undecided"}[code]
    (row,) = [row for row in found["rows"] if row["what"] == "score"]
    assert (row["algorithm"], row["n"]) == ("a", [5, 5])


def test_undecided_says_what_it_would_take(tmp_path, base):
    new = folder(tmp_path / "new", {"a": {"CartPole-v1": [100.0, 200.0, *SCORES[2:]]}}).root
    said = rlbench("gate", new, "--against", base, "--no-speed").stdout
    assert "a on CartPole-v1: with a power of 80 %, 5 runs against 5 show a loss of " in said
    assert " on each side show that there is no loss" in said and "speed" not in said


def test_what_is_no_folder_or_no_margin_is_a_usage_error(base):
    assert rlbench("gate", base, "--against", "nowhere").returncode == 2
    assert rlbench("gate", base, "--against", base, "--margin", "0").returncode == 2
    assert rlbench("gate", base).returncode == 2
