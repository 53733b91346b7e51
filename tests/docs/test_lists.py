"""Lists in the documents name what there is: algorithms that take masks or images, and the built-in suites."""

import importlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OF_EVERYDAY = {"quickstart", "classic", "classic-full", "vs-sb3", "zoo"}  # suites that other pages are about

WITHOUT_NETWORKS = {"random", "script"}  # which take all observations


def text(page):
    return " ".join((ROOT / "docs" / page).read_text().split())


def declared(what):
    """The single-agent algorithms of rlbench itself whose entry declares something."""
    names = set()
    for path in sorted(ROOT.glob("plugins/rlbench_*/__init__.py")):
        if "def rlbench_algorithms" in path.read_text():
            specs = importlib.import_module(path.parent.name).rlbench_algorithms()
            names |= {
                s.name for s in specs if "/" not in s.name and s.supports.single_agent and getattr(s.supports, what)
            }
    return names


@pytest.mark.parametrize(
    ("page", "what", "sentence"),
    [
        ("suites.md", "action_masks", r"greedy policy\. ([^.]*) can; the others are skipped"),
        ("suites.md", "pixels", r"uint8 \[channels, height, width\] for ([^;]*) from 4 × 4 pixels on"),
        ("images.md", "pixels", r"# Learn from images ([^;]*) learn from images;"),
    ],
)
def test_a_list_of_algorithms_names_those_that_declare_it(page, what, sentence):
    (found,) = re.findall(sentence, text(page))
    assert set(re.findall(r"`(\w+)`", found)) == declared(what) - (WITHOUT_NETWORKS if what == "pixels" else set())


def test_the_list_of_suites_names_all_but_those_of_every_day():
    table = text("environments.md").split("These suites beside the classic ones are built in")[1].split("## ")[0]
    assert OF_EVERYDAY | set(re.findall(r"`([\w-]+)`", table)) >= {path.stem for path in ROOT.glob("suites/*.yaml")}
