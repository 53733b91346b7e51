"""No module of rlbench imports one that imports it, not even within a function or for type checkers."""

from pathlib import Path

import pytest
from support.import_graph import circles, import_graph, parts_of

ROOT = Path(__file__).parents[1]
# Imports that may point up: for type checkers alone, each with the reason.
EXCEPTIONS = {
    "rlbench.api.specs": "rlbench.analysis.suite_results",  # the contract names the class that a section gets
}


@pytest.fixture(scope="module")
def graph():
    imports = import_graph(ROOT, "rlbench")
    for module, imported in EXCEPTIONS.items():
        imports[module] = imports[module] - {imported}
    return imports


def test_an_exception_is_an_import_for_type_checkers():
    for module, imported in EXCEPTIONS.items():
        lines = (ROOT / module.replace(".", "/")).with_suffix(".py").read_text().splitlines()
        assert [line for line in lines if imported in line] == [f"    from {imported} import Results"]
        assert "if TYPE_CHECKING:" in lines


def test_no_modules_import_each_other_in_a_circle(graph):
    assert circles(graph) == []


def test_no_folders_import_each_other_in_a_circle(graph):
    assert circles(parts_of(graph)) == []


@pytest.mark.parametrize(
    "second",
    [
        "from p.first import f",
        "import p.first",
        "from p import first",
        "def g():\n    from p.first import f",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from p.first import f",
        "from p import f",  # passed on by the package
    ],
)
def test_a_circle_is_found_wherever_its_imports_stand(tmp_path, second):
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "__init__.py").write_text("from p.first import f\n")
    (tmp_path / "p" / "first.py").write_text("def f():\n    import p.second\n")
    (tmp_path / "p" / "second.py").write_text(second + "\n")
    assert {"p.first", "p.second"} in circles(import_graph(tmp_path, "p"))


def test_imports_in_one_direction_are_no_circle(tmp_path):
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "__init__.py").write_text("from p.first import f\n")
    (tmp_path / "p" / "first.py").write_text("def f(): ...\n")
    (tmp_path / "p" / "second.py").write_text("from p import f\n")
    assert circles(import_graph(tmp_path, "p")) == []
