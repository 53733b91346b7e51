"""A page is drawn again when something it is made from has changed, and only then."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from support.read_back import write_report
from support.result_folders import folder

from rlbench.analysis import Results
from rlbench.plugins import load_plugins
from rlbench.reports.page_inputs import page_inputs, written_inputs
from rlbench.results.checksums import with_checksum

SCORES = {"random": {"CartPole-v1": [20, 24]}, "a": {"CartPole-v1": [475, (30, "diverged"), "failed"]}}
ANCHORS = {"CartPole-v1": {"lower": 0, "upper": 1}}
SECTION = """
from rlbench import SectionSpec, hookimpl
from rlbench.api.sections import Paragraph, Section

@hookimpl
def rlbench_report_sections():
    return [SectionSpec("own", "Own", lambda results: Section([Paragraph("one")]))]
"""


@pytest.fixture
def store(tmp_path):
    return folder(tmp_path / "s", SCORES)


def inputs(store, files=(), place=None, anchors=None):
    return page_inputs(Results(store, anchors), load_plugins(files), place or store.root)


def test_the_page_carries_the_hash_of_what_it_was_made_from(store):
    path = store.root / "report.html"
    assert written_inputs(store.root, path) is None
    write_report(store, path)
    assert written_inputs(store.root, path) == inputs(store) == inputs(store)


def test_a_page_made_with_options_is_kept_by_a_command_without_any(store, tmp_path):
    own = tmp_path / "own.py"
    own.write_text(SECTION)
    plain, section, scaled = inputs(store), inputs(store, [own]), inputs(store, anchors=ANCHORS)
    for made in (plain, section, scaled):
        assert made.still_shows(made) and plain.still_shows(made)
    assert not section.still_shows(plain) and not section.still_shows(scaled) and not plain.still_shows(None)
    rename_suite(store)
    assert not inputs(store).still_shows(section)


def test_a_plugin_file_that_has_gone_and_a_folder_that_cannot_be_listed_are_no_errors(store, tmp_path):
    own = tmp_path / "own.py"
    own.write_text(SECTION)
    plugins = load_plugins([own])
    own.unlink()
    (store.root / "videos").write_text("a file")
    assert page_inputs(Results(store), plugins, store.root).options


def test_a_package_beside_a_plugin_file_belongs_to_its_sources(store, tmp_path):
    own, package = tmp_path / "own.py", tmp_path / "own_parts_of_it"
    own.write_text("import own_parts_of_it\n" + SECTION)
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "text.py").write_text("ONE = 1")
    before = inputs(store, [own])
    (package / "text.py").write_text("ONE = 2")
    assert inputs(store, [own]) != before


def rename_suite(store):
    path = store.root / "suite.json"
    document = json.loads(path.read_text())
    document["suite"]["name"] = "other"
    path.write_text(json.dumps(with_checksum(document)))


def damage_a_table(store):
    next(store.root.glob("runs/*/episodes.parquet")).write_bytes(b"x")


def remove_a_result(store):
    next(store.root.glob("runs/dqn*/result.json")).unlink()


def change_a_result(store):
    path = next(store.root.glob("runs/dqn*/result.json"))
    path.write_text(json.dumps({**json.loads(path.read_text()), "git_commit": "abc"}))


def add_a_video(store):
    (store.root / "videos").mkdir()
    (store.root / "videos/one.mp4").write_bytes(b"")


@pytest.mark.parametrize("change", [rename_suite, damage_a_table, remove_a_result, change_a_result, add_a_video])
def test_a_change_in_the_folder_gives_another_hash(store, change):
    before = inputs(store)
    change(store)
    assert inputs(store) != before


def test_anchors_the_place_and_a_section_of_somebody_else_count(store, tmp_path):
    before, own = inputs(store), tmp_path / "own.py"
    own.write_text(SECTION)
    one = inputs(store, [own])
    own.write_text(SECTION.replace("one", "two"))
    others = [
        inputs(store, [own]),
        inputs(store, place=tmp_path),
        inputs(store, anchors=ANCHORS),
    ]
    assert len({before, one, *others}) == 5


def test_a_changed_source_of_rlbench_or_another_library_counts(store, monkeypatch):
    before = inputs(store)
    monkeypatch.setattr("rlbench.reports.page_inputs._code_hash", lambda: "other")
    code = inputs(store)
    monkeypatch.undo()
    monkeypatch.setattr("rlbench.reports.page_inputs._version", lambda name: "9.9")
    assert len({before, code, inputs(store)}) == 3


@pytest.mark.parametrize("text", ["", "<html>", '<meta name="rlbench-inputs" content="abc">', "x" * 5000])
def test_a_page_without_a_hash_has_none(store, text):
    (store.root / "report.html").write_text(text)
    assert written_inputs(store.root, store.root / "report.html") is None


def test_a_page_that_leads_out_of_the_folder_is_not_read(store, tmp_path):
    write_report(store, tmp_path / "elsewhere.html")
    (store.root / "report.html").symlink_to(tmp_path / "elsewhere.html")
    assert written_inputs(store.root, store.root / "report.html") is None


RUN = """
import sys
from rlbench.cli.main import invoke
from rlbench.results import Store
counted, states = [], Store.states
def count(self, runs, *known):
    counted.append(len(runs))
    return states(self, runs, *known)
Store.states = count
code = invoke(["run", "s.yaml", "-o", "out", "-q"])
drawn = [name for name in ("matplotlib.pyplot", "seaborn", "scipy", "pandas") if name in sys.modules]
print(code, len(counted), *drawn, file=sys.stderr)
"""
SUITE = "{name: s, algorithms: [random], environments: [{id: CartPole-v1, steps: 100}], seeds: 3, evaluation: {final_episodes: 3}}"


def test_a_finished_suite_reads_its_states_twice_and_imports_neither_pandas_nor_what_draws(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RLBENCH_NO_REPORT", raising=False)
    Path("s.yaml").write_text(SUITE)

    def again():
        return subprocess.run([sys.executable, "-c", RUN], capture_output=True, text=True).stderr.splitlines()[-1]

    assert again().startswith("0 ")  # trains and draws
    page = Path("out/report.html").read_bytes()
    assert again() in ("0 1", "0 2")
    assert Path("out/report.html").read_bytes() == page
    Path("out/report.html").write_text("old")
    assert again().endswith("matplotlib.pyplot seaborn scipy pandas") and Path("out/report.html").read_bytes() == page
