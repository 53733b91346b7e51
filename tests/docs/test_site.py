"""The documentation site: generated parts are fresh, it builds without a broken link, and loads nothing from elsewhere."""

import importlib.util
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BUILDER = importlib.util.find_spec("properdocs")
# What the harness sets for its own processes, and what tests use.
NOT_FOR_USERS = {
    "RLBENCH_PROFILE",
    "RLBENCH_FAIL_AT",
    "RLBENCH_COMPLETE",
    "RLBENCH_ATTEMPT",
    "RLBENCH_CURRENT_FOLDER",
    "RLBENCH_PARENT",
}


def test_what_is_generated_in_the_documents_is_what_the_code_says():
    ran = subprocess.run(
        [sys.executable, "tools/docs/generate.py", "--check"], cwd=ROOT, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_every_environment_variable_that_is_read_is_in_the_table():
    sources = "".join(path.read_text() for path in ROOT.glob("rlbench/**/*.py"))
    read = set(re.findall(r"\bRLBENCH_[A-Z_]+\b", sources.replace('"_RLBENCH', '"RLBENCH'))) - NOT_FOR_USERS
    told = set(re.findall(r"^\| `([A-Z_]+)`", (ROOT / "docs/commands.md").read_text(), re.MULTILINE))
    assert read and read == {name for name in told if name.startswith("RLBENCH_")}


def test_every_document_is_in_the_navigation():
    named = set(re.findall(r"- (?:.*: )?(\S+\.md)$", (ROOT / "properdocs.yml").read_text(), re.MULTILINE))
    assert {path.name for path in ROOT.glob("docs/*.md")} <= named


class Loads(HTMLParser):
    """What a browser fetches for a page without being asked to."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(page.read_text())

    def handle_starttag(self, tag, attributes):
        there = dict(attributes)
        wanted = {"link": "href", "script": "src", "img": "src", "iframe": "src", "source": "src"}.get(tag)
        if wanted and there.get(wanted):
            self.found.append(there[wanted])


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    if BUILDER is None:
        pytest.skip("properdocs is not installed: `python3 dev.py docs` installs it and builds the site")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "properdocs", "build", "--strict", "--site-dir", str(folder)]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return folder


@pytest.mark.long
def test_the_site_builds_without_a_warning_and_has_a_page_for_every_document_and_plugin(site):
    names = {path.relative_to(site).with_suffix("").as_posix() for path in site.rglob("*.html")}
    assert {path.stem for path in ROOT.glob("docs/*.md")} <= names
    assert {
        f"plugins/{path.parent.name.removeprefix('rlbench_')}" for path in ROOT.glob("plugins/*/README.md")
    } <= names
    assert "source/rlbench/api/algorithm.py" in names and "CONTRIBUTING" in names


@pytest.mark.long
def test_a_page_loads_nothing_from_elsewhere(site):
    pages, sheets = sorted(site.rglob("*.html")), sorted(site.rglob("*.css"))
    assert pages and sheets
    for page in pages:
        assert [url for url in Loads(page).found if re.match(r"(\w+:)?//", url)] == [], page
    for sheet in sheets:
        assert not re.search(r"url\(['\"]?(https?:)?//|@import", sheet.read_text()), sheet


@pytest.mark.long
def test_links_in_the_site_lead_to_files_of_it(site):
    for page in site.rglob("*.html"):
        for target in re.findall(r'href="([^"#]+)', page.read_text()):
            inside = not re.match(r"(https?:|mailto:|javascript:|/)", target)
            assert not inside or (page.parent / target).exists(), (page, target)
