"""What a worker's environment holds, and what of the user's own it leaves."""

import pytest

from rlbench.executors.worker_process import worker_environment


@pytest.mark.parametrize(
    "name", ["MKL_CBWR", "ATEN_CPU_CAPABILITY", "MKL_ENABLE_INSTRUCTIONS", "TORCHINDUCTOR_CACHE_DIR"]
)
def test_a_mode_that_the_user_has_set_is_kept(name, monkeypatch):
    monkeypatch.setenv(name, "theirs")
    assert worker_environment()[name] == "theirs"


def test_without_one_it_is_that_in_which_products_are_the_same_in_every_stack(monkeypatch):
    monkeypatch.delenv("MKL_CBWR", raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    found = worker_environment()
    assert (found["MKL_CBWR"], found["OMP_NUM_THREADS"]) == ("AUTO,STRICT", "1")
