"""benchmarks/gpu.py measures what it can here, and says what it cannot."""

import json
import subprocess
import sys

import pytest
import torch

from benchmarks import gpu


@pytest.mark.parametrize("work", gpu.WORKS)
def test_each_device_has_a_rate_eager_and_compiled_or_says_why_not(work):
    command = [sys.executable, gpu.__file__, "--works", work, "--seeds", "2", "--seconds", "0.05", "--limit", "0.01"]
    rows = json.loads(subprocess.run([*command, "--json"], capture_output=True, text=True, check=True).stdout)
    assert [row["device"] for row in rows] == ["cpu", "cpu", *["cuda:0"] * (2 * torch.cuda.is_available())]
    assert {row["seed-steps/s"] for row in rows} == {"not within 0 s"}
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert ("torch finds no GPU here" in text) != torch.cuda.is_available()


def test_a_rate_is_environment_steps_of_all_seeds_in_a_second():
    rate = gpu.measured("sac", 2, "cpu", False, 0.05, 120)
    assert isinstance(rate, float) and rate > 0
