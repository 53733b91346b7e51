"""Packages whose names are imported at their first use list each name once, in a stub that is read in two ways."""

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from rlbench.lazy_names import stub_names

ROOT = Path(__file__).parents[2]
STUBS = sorted(ROOT.glob("rlbench/**/__init__.pyi"))
PACKAGES = [".".join(stub.parent.relative_to(ROOT).parts) for stub in STUBS]


def test_the_packages_with_a_stub_are_these():
    assert PACKAGES == ["rlbench", "rlbench.analysis", "rlbench.api", "rlbench.kit", "rlbench.stats", "rlbench.testing"]


@pytest.mark.parametrize("package", PACKAGES)
def test_every_listed_name_resolves(package):
    module = importlib.import_module(package)
    for name in module.__all__:
        assert getattr(module, name) is not None


@pytest.mark.parametrize("package", PACKAGES)
def test_an_editor_that_asks_for_the_names_gets_them(package):
    module = importlib.import_module(package)
    assert {*module.__all__, "__doc__"} <= {*dir(module)}


@pytest.mark.parametrize("package", PACKAGES)
def test_an_unknown_name_is_no_attribute(package):
    with pytest.raises(AttributeError, match=f"module '{package}' has no attribute 'Dreamer'"):
        _ = importlib.import_module(package).Dreamer


@pytest.mark.parametrize("stub", STUBS, ids=PACKAGES)
def test_the_program_reads_a_stub_as_python_does(stub):
    listed = {
        name.asname: statement.module
        for statement in ast.parse(stub.read_text()).body
        if isinstance(statement, ast.ImportFrom)
        for name in statement.names
    }
    assert stub_names(stub) == listed


@pytest.mark.parametrize("stub", STUBS, ids=PACKAGES)
def test_a_stub_lists_no_name_twice(stub):
    names = [
        name.name
        for statement in ast.parse(stub.read_text()).body
        if isinstance(statement, ast.ImportFrom)
        for name in statement.names
    ]
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize("stub", STUBS, ids=PACKAGES)
def test_no_listed_name_is_that_of_a_module_beside_it(stub):
    """Import of the module would put it into the name's place."""
    assert not {*stub_names(stub)} & {path.stem for path in stub.parent.iterdir()}


def test_the_harness_is_imported_without_what_takes_long():
    code = "import sys, rlbench, rlbench.api, rlbench.kit, rlbench.testing; rlbench.Task; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"torch", "pandas", "gymnasium", "pydantic", "rlbench.api.errors"} & {*loaded}
