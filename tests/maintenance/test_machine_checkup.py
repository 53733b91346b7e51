"""What `rlbench doctor` says of a machine: each thing that is short is to do, with what to do."""

import io
import resource
import shutil
import sys
from collections import namedtuple
from pathlib import Path

import psutil
import pytest

from rlbench.maintenance import machine_checkup, torch_checkup
from rlbench.maintenance.machine_checkup import examine_machine, examine_place
from rlbench.maintenance.torch_checkup import describe
from rlbench.plugins import load_plugins

REPORT = {
    "torch": "2.13.0",
    "threads": 1,
    "cpu_capability": "AVX2",
    "kernels": 57,
    "stack_independence": "bitwise",
    "cuda": [],
    "cuda_problem": "",
    "mps": False,
}


@pytest.fixture
def found(tmp_path, monkeypatch):
    """Examine the machine, with a given report of torch and no plugins. Returns: the findings by what they are of."""
    monkeypatch.setattr(torch_checkup, "query_torch", lambda: REPORT)
    monkeypatch.setattr(machine_checkup, "survey", lambda plugins: [])

    def examined():
        return {finding.where: finding for finding in examine_machine(tmp_path, load_plugins((), ()))}

    return examined


def levels(findings):
    return {where: str(finding.level) for where, finding in findings.items()}


def test_a_machine_that_has_enough_of_everything_has_nothing_to_do(found, monkeypatch):
    monkeypatch.setattr(machine_checkup, "LOW_DISK", 0)
    monkeypatch.setattr(machine_checkup, "LOW_MEMORY", 0)
    monkeypatch.setattr(machine_checkup, "usable_cores", lambda: 2)
    seen = levels(found())
    assert set(seen) >= {"Python", "threads", "open files", "memory", "results", "cache", "temporary folder", "locale"}
    assert set(seen) >= {"torch", "stacks", "accelerators", "plugins"} and "to do" not in seen.values()


def test_few_open_files_and_little_memory_and_disk_are_to_do(found, monkeypatch):
    monkeypatch.setattr(machine_checkup, "LOW_DISK", float("inf"))
    monkeypatch.setattr(machine_checkup, "LOW_MEMORY", float("inf"))
    monkeypatch.setattr(machine_checkup, "usable_cores", lambda: 50)
    monkeypatch.setattr(resource, "getrlimit", lambda which: (64, 128))
    seen = found()
    short = {where for where, level in levels(seen).items() if level == "to do"}
    assert short == {"open files", "memory", "results", "cache", "temporary folder"}
    assert "may open 64 files" in seen["open files"].what and "ulimit -n 4096" in seen["open files"].advice
    assert "128 at most" in seen["open files"].advice and "RLBENCH_RESULTS" in seen["results"].advice


def test_a_place_that_cannot_be_written_is_to_do_even_for_root(tmp_path):
    (finding,) = examine_place("results", Path("/proc/rlbench/results"), "choose another")
    assert finding.level == "to do" and "cannot be written" in finding.what and finding.advice == "choose another"
    (finding,) = examine_place("results", tmp_path / "new/results", "")
    assert "does not exist yet" in finding.what and list(tmp_path.iterdir()) == []
    (finding,) = examine_place("results", tmp_path, "")
    assert "does not exist yet" not in finding.what


def test_a_disk_without_room_for_more_files_is_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(machine_checkup, "LOW_DISK", 0)
    monkeypatch.setattr(
        machine_checkup.os, "statvfs", lambda path: namedtuple("S", "f_files f_favail f_bavail f_frsize")(100, 3, 9, 9)
    )
    (finding,) = examine_place("results", tmp_path, "choose another")
    assert finding.level == "to do" and "3 more files" in finding.what


def test_a_terminal_that_cannot_print_is_noted(found, monkeypatch):
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding="ascii"))
    seen = found()["locale"]
    assert seen.level == "note" and "ascii" in seen.what and "LC_ALL" in seen.advice


def test_a_missing_compiler_is_noted(found, monkeypatch):
    monkeypatch.setattr(machine_checkup, "has_compiler", lambda: False)
    assert found()["compiler"].level == "note"


def test_a_plugin_that_cannot_be_imported_is_to_do_and_a_missing_package_is_not(tmp_path):
    (tmp_path / "broken.py").write_text("import nothing_of_the_kind")
    (tmp_path / "extra.py").write_text("raise ModuleNotFoundError('wandb is not installed: pip install x')")
    plugins = load_plugins([str(tmp_path / name) for name in ("broken.py", "extra.py")], ())
    seen = {finding.where: finding for finding in machine_checkup._plugins(plugins)}
    assert seen["plugin broken"].level == "to do" and "nothing_of_the_kind" in seen["plugin broken"].what
    assert "plugin extra" not in seen and "broken" not in seen["plugins"].what


def said(**changes):
    return {finding.where: finding for finding in describe({**REPORT, **changes})}


def test_kernels_that_differ_and_threads_are_noted_with_the_variable_that_causes_it(monkeypatch):
    monkeypatch.delenv("MKL_CBWR", raising=False)
    assert {str(finding.level) for finding in said().values()} == {"ok"}
    changes = {"stack_independence": "tolerance", "kernels_that_differ": ["bmm [2, 3]"]}
    seen = said(**changes)["stacks"]
    assert seen.level == "note" and "bmm [2, 3]" in seen.what and "MKL_CBWR" not in seen.advice
    monkeypatch.setenv("MKL_CBWR", "COMPATIBLE")
    assert "unset MKL_CBWR" in said(**changes)["stacks"].advice
    assert said(threads=4)["torch"].level == "note"


def test_accelerators_are_named_and_a_driver_without_a_device_is_noted(monkeypatch):
    assert "cuda:0 H200, 150 GB" in said(cuda=[["H200", 150e9]])["accelerators"].what
    monkeypatch.setattr(shutil, "which", lambda name: "/bin/nvidia-smi")
    seen = said(cuda_problem="the driver is too old")["accelerators"]
    assert seen.level == "note" and "the driver is too old" in seen.what


def test_a_torch_that_cannot_be_imported_is_to_do_with_its_last_words(tmp_path, monkeypatch):
    (tmp_path / "torch.py").write_text("raise OSError('libtorch is gone')")
    monkeypatch.syspath_prepend(tmp_path)
    (finding,) = torch_checkup.examine_torch()
    assert finding.level == "to do" and "libtorch is gone" in finding.what
    monkeypatch.setattr(torch_checkup, "TIME_LIMIT_SECONDS", 0.01)
    (finding,) = torch_checkup.examine_torch()
    assert "took over" in finding.what


def test_memory_is_that_of_the_machine(found, monkeypatch):
    memory = psutil.virtual_memory()
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory._replace(available=3_000_000_000, total=8_000_000_000))
    assert found()["memory"].what.startswith("3.0 GB free of 8.0 GB")
