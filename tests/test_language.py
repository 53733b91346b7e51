"""The project's English: phrases that have to be read twice are not written, and a name means one module."""

import re
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PATTERNS = ("rlbench/**/*.py", "rlbench/**/*.j2", "plugins/**/*.py", "plugins/**/*.md", "docs/*.md", "tools/**/*.py")
SOURCES = [*ROOT.glob("*.md"), *(path for pattern in PATTERNS for path in ROOT.glob(pattern))]
# What to write instead stands beside each.
BANNED = {
    r"\bgo(es|ne|ing)? on (from|with|where|until|at|to|although)\b": "resume, continue",
    r"\b(is|are|be) told\b": "is reported, is given",
    r"\bas it is had\b|\bcan be had\b|\bto be had\b|\bis had\b": "is available",
    r"\bnone of ours\b": "does not count",
    r"\bby (its|a run's|their) own account\b": "self-reported",
    r"\botherwise than\b": "differently from",
    r"\bwithout a word\b": "without reporting a result",
    r"\bput to the rules\b": "checked against the rules",
    r"\bheld against\b": "compared with",
    r"\bwhat is asked of\b": "the request",
    r"\bof another time\b": "of another version",
    r"\bit cannot be said\b": "nothing is shown",
}


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_no_sentence_has_to_be_read_twice(path):
    text = " ".join(path.read_text().split())
    found = {phrase: instead for phrase, instead in BANNED.items() if re.search(phrase, text)}
    assert not found, found


def test_a_module_name_is_one_module():
    names = Counter(path.stem for path in ROOT.glob("rlbench/**/*.py") if path.stem != "__init__")
    assert [name for name, count in names.items() if count > 1] == []
