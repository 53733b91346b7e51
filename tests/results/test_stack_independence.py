"""What a record says of the stack: "bitwise" where every kernel was tried and held, nothing else."""

import subprocess
import sys
from types import SimpleNamespace

import pytest

from rlbench.plugins import load_plugins
from rlbench.results.stack_independence import (
    WITHOUT_TORCH,
    forget_kernels,
    independence,
    independence_warning,
    uses_torch,
)

HOW = {
    "torch": "2.13",
    "cpu_capability": "AVX512",
    "threads": 1,
    "mkl": "AUTO,STRICT",
    "machine": "x86_64",
    "compiled": False,
    "stack_independence": "bitwise",
}


class Kit:
    """Stands for rlbench.kit: uses "good" and "bad", of which the second differs between stacks."""

    def __init__(self, used):
        self.tried, self.left = [], list(used)
        self.kernel_choice = SimpleNamespace(
            operations=lambda: self.left, summary=lambda use: f"{use} [2]", forget=lambda: self.left.clear()
        )
        self.kernel_trials = SimpleNamespace(same_bits=self.same_bits, __file__=__file__)

    def same_bits(self, use):
        self.tried.append(use)
        return use != "bad"


@pytest.fixture
def kit(monkeypatch, tmp_path):
    monkeypatch.setenv("RLBENCH_CACHE", str(tmp_path))

    def with_uses(*used):
        stand_in = Kit(used)
        monkeypatch.setitem(sys.modules, "rlbench.kit", stand_in)
        return stand_in

    return with_uses


def found(how=HOW, with_torch=True, stackable=True):
    return independence(how, with_torch, stackable)


def test_it_is_bitwise_where_every_kernel_was_tried_and_held(kit):
    kit("good", "fine")
    assert found() == {"stack_independence": "bitwise", "independence_shown_by": "trial"}
    assert found(HOW | {"compiled": True}) == {
        "stack_independence": "bitwise",
        "independence_shown_by": "trial, of compiled graphs the rule stack_mates",
    }


def test_it_is_a_tolerance_where_one_differs_and_that_one_is_named_and_told(kit):
    kit("good", "bad")
    record = found()
    assert record == {
        "stack_independence": "tolerance",
        "independence_shown_by": "trial",
        "kernels_that_differ": ["bad [2]"],
    }
    warning = independence_warning(record, HOW)
    assert "MKL_CBWR=AUTO,STRICT, AVX512" in warning and '"tolerance"' in warning


def test_nothing_is_claimed_of_torch_outside_the_kit(kit):
    kit()
    record = found()
    assert record == {"stack_independence": "tolerance", "independence_shown_by": "nothing"}
    assert "outside the kit" in independence_warning(record, HOW)


def test_what_promises_less_from_the_start_is_not_tried_and_not_told(kit):
    stand_in = kit("bad")
    how = HOW | {"stack_independence": "tolerance"}
    assert found(how) == {"stack_independence": "tolerance", "independence_shown_by": "nothing"}
    assert stand_in.tried == [] and independence_warning(found(how), how) == ""


@pytest.mark.parametrize("name", ["q_learning", "dyna_q", "random"])
def test_an_algorithm_without_torch_counts_as_such_in_a_process_that_has_loaded_torch(name):
    pytest.importorskip("torch")
    plugins = load_plugins(only=[name, "dqn"])
    forget_kernels()
    assert not uses_torch(plugins.find(name), loaded_before=True)
    assert uses_torch(plugins.find("dqn"), loaded_before=True)


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("import torch.nn as nn", True),
        ("import numpy as np, torch", True),
        ("try: import torch\nexcept ImportError: pass", True),
        ("from torch import nn", True),
        ("import rlbench.kit", True),
        ("from rlbench import kit", True),
        ("from rlbench import (\n    Algorithm,\n    kit as blocks,\n)", True),
        ("from rlbench.kit import Schedule, replay", True),
        ("from rlbench.kit.replay import Replay", True),
        ("import rlbench.kit.schedules, rlbench.kit.replay", True),
        ("import rlbench.kit.schedules, numpy", False),
        ("from rlbench.kit import schedules", False),
        ("from rlbench.kit.schedules import Schedule", False),
        ("import torchless, rlbench", False),
        ("from .torch import replay", False),
        ("from rlbench import Algorithm", False),
        ('"""\nimport torch\n"""', False),
        ("import torch this is not Python", False),
    ],
)
def test_every_form_of_an_import_of_torch_or_of_the_kit_is_seen(tmp_path, statement, expected):
    pytest.importorskip("torch")
    forget_kernels()
    (tmp_path / "a.py").write_text("x = 1\n")
    (tmp_path / "b.py").write_text(statement)
    plugin = SimpleNamespace(sources=lambda: [tmp_path / "a.py", tmp_path / "b.py"])
    assert uses_torch(plugin, loaded_before=True) == expected


def test_an_algorithm_with_recorded_kernels_uses_torch_whatever_it_imports(kit):
    pytest.importorskip("torch")
    plugin = SimpleNamespace(sources=list)
    kit()
    assert not uses_torch(plugin, loaded_before=True)
    kit("good")
    assert uses_torch(plugin, loaded_before=True)


def test_the_modules_of_the_kit_that_need_no_torch_do_not_import_it():
    imports = "; ".join(f"import rlbench.kit.{name}" for name in WITHOUT_TORCH)
    subprocess.run([sys.executable, "-c", f"import sys; {imports}; assert 'torch' not in sys.modules"], check=True)


def test_without_torch_or_without_stacks_there_is_nothing_to_try(kit):
    stand_in = kit("bad")
    assert found(with_torch=False)["independence_shown_by"] == "no torch"
    assert found(stackable=False) == {"stack_independence": "bitwise", "independence_shown_by": "no stack"}
    assert stand_in.tried == [] and independence_warning(found(with_torch=False), HOW) == ""


def test_a_kernel_is_tried_once_on_a_machine_and_again_under_another_mode(kit):
    assert [found()["stack_independence"] for stand_in in [kit("good", "bad")]] == ["tolerance"]
    again = kit("good", "bad", "new")
    assert found()["stack_independence"] == "tolerance" and again.tried == ["new"]
    for other in ({"mkl": "AUTO"}, {"torch": "2.14"}, {"cpu_capability": "AVX2"}):
        again.tried.clear()
        found(HOW | other)
        assert again.tried == ["good", "bad", "new"]


def test_instructions_that_the_user_chose_are_another_processor(kit, monkeypatch):
    stand_in = kit("good")
    for value in ("AVX2", "SSE4_2"):
        monkeypatch.setenv("MKL_ENABLE_INSTRUCTIONS", value)
        found()
    assert stand_in.tried == ["good", "good"]


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b'{"bad": 1, "good": "x"}', b"\xff\x00"])
def test_a_damaged_cache_is_as_none(kit, tmp_path, content):
    kit("good")
    found()
    (kept,) = (tmp_path / "kernels").iterdir()
    kept.write_bytes(content)
    stand_in = kit("good", "bad")
    assert found()["stack_independence"] == "tolerance" and stand_in.tried == ["good", "bad"]


def test_a_cache_that_cannot_be_written_costs_time_alone(kit, tmp_path):
    (tmp_path / "kernels").write_text("a file where the folder should be")
    stand_in = kit("good")
    assert [found()["stack_independence"] for _ in range(2)] == ["bitwise"] * 2 and stand_in.tried == ["good"] * 2


def test_a_group_answers_for_what_it_used_itself(kit):
    kit("bad")
    forget_kernels()
    assert found()["independence_shown_by"] == "nothing"
