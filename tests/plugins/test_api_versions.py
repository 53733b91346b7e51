"""A plugin made for version 1 of the plugin API gives one line that says what to do, and never a traceback."""

import sys
from pathlib import Path

import pytest
from support.cli import rlbench
from support.installation import GOOD, install

from rlbench.api import PluginError
from rlbench.plugins import load_plugins

ADVICE = "docs/plugin-api.md lists what to change"
SUITE = "{name: s, algorithms: [random, ALGORITHM], environments: [{id: CartPole-v1, steps: 50}], seeds: 1}"
EXECUTOR = """
from rlbench import ExecutorSpec, hookimpl

def execute(jobs, context):
    for job in jobs:
        context.listen(job, {"event": "started"})

@hookimpl
def rlbench_executors():
    return [ExecutorSpec("own", execute)]
"""


@pytest.fixture
def site(tmp_path, monkeypatch):
    monkeypatch.delitem(sys.modules, "mine_agent", raising=False)  # each test has a module of this name
    folder = tmp_path / "site"
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setenv("PYTHONPATH", str(folder))
    monkeypatch.setenv("RLBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return folder


def told(name):
    with pytest.raises(PluginError) as refused:
        load_plugins().algorithm(name)
    return str(refused.value)


@pytest.mark.parametrize(
    ("version", "line"),
    [
        (1, f"'mine' of mine-agent is made for an older rlbench (plugin API 1, here 2); {ADVICE}"),
        (3, "'mine' of mine-agent is made for a newer rlbench (plugin API 3, here 2); update rlbench"),
    ],
)
def test_another_version_is_named_with_what_to_do(site, version, line):
    install(site, "mine-agent", "mine", GOOD.format(name="mine").replace("True))]", f"True), api_version={version})]"))
    assert told("mine") == line


@pytest.mark.parametrize("source", ["from rlbench import ReportSpec", "import rlbench\nrlbench.ReportSpec"])
def test_a_name_that_rlbench_no_longer_has_is_explained(site, source):
    install(site, "mine-agent", "mine", source)
    assert "ReportSpec" in told("mine") and told("mine").endswith(f"(plugin API 2 here): {ADVICE}")


def test_a_missing_module_of_somebody_else_is_not_blamed_on_the_version(site):
    install(site, "mine-agent", "mine", "import module_that_does_not_exist")
    assert ADVICE not in told("mine")


def test_a_hook_that_was_renamed_is_named_and_the_page_is_complete_without_it(site):
    install(site, "mine-sections", "report-mine", "def rlbench_reports():\n    return []\n")
    specs, problems = load_plugins().reports()
    line = "is made for an older rlbench: rlbench_reports is called rlbench_report_sections in plugin API 2"
    assert problems == [f"plugin 'report-mine' of mine-sections {line}; {ADVICE}"]
    assert "verdict" in [spec.name for spec in specs]


def test_an_executor_of_version_1_fails_with_a_line(site):
    Path("own.py").write_text(EXECUTOR)
    Path("s.yaml").write_text(SUITE.replace(", ALGORITHM", ""))
    ran = rlbench("run", "s.yaml", "-o", "out", "--plugin", "own.py", "--executor", "own")
    assert ran.returncode != 0 and "Traceback" not in ran.stderr
    assert f"`context.listen` is called `context.on_event` in plugin API 2; {ADVICE}" in ran.stderr
