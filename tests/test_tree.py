"""What one should see from the folder tree, held by tests: import contracts, file sizes, what algorithm files contain."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = [*ROOT.glob("rlbench/**/*.py"), *ROOT.glob("plugins/**/*.py"), ROOT / "dev.py"]
ALGORITHMS = [
    path
    for path in sorted(ROOT.glob("plugins/rlbench_*/*.py"))
    if path.name != "__init__.py" and path.parent.name not in ("rlbench_envpool", "rlbench_sb3")
]


def test_imports_point_one_way():
    ran = subprocess.run([sys.executable, "tools/lint_imports.py"], cwd=ROOT, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout


def test_every_plugin_is_under_the_import_contracts():
    """They are for the registered ones, so it is enough that pyproject.toml names each once: as an entry point."""
    text = (ROOT / "pyproject.toml").read_text()
    registered = tomllib.loads(text)["project"]["entry-points"]["rlbench"].values()
    for package in ROOT.glob("plugins/rlbench_*"):
        assert package.name in registered and text.count(f'"{package.name}"') == 1, package.name
    assert text.count('"every plugin"') >= 4


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_file_has_one_purpose_that_it_says_and_at_most_400_lines(path):
    text = path.read_text()
    assert len(text.splitlines()) <= 400
    body = text.split("\n", 1)[1] if text.startswith("#!") else text
    assert not body.strip() or body.startswith('"""')


@pytest.mark.parametrize("path", ALGORITHMS, ids=lambda p: p.stem)
def test_an_algorithm_file_is_one_view(path):
    """At most 200 lines, and no line about seeds beyond shape comments, sizes and per-seed reductions."""
    lines = path.read_text().splitlines()
    assert len(lines) <= 200
    for line in lines:
        code = line.split("#")[0]
        assert not re.search(r"^\s*for .*seed.* in |\[seed|seed_index|in range\(self\.num_seeds\)", code), line


def test_no_pickle_and_no_randomness_but_the_streams():
    for path in SOURCES:
        text = path.read_text()
        assert not re.search(r"^\s*(import|from) (pickle|cloudpickle|dill|joblib|marshal|shelve)\b", text, re.M), path
        assert not re.search(r"\btorch\.load\(|allow_pickle=True|\bread_pickle\(|unsafe_load|typ=.unsafe", text), path
        assert "default_rng" not in text, path
