"""`rlbench new`: a project to begin from."""

from __future__ import annotations

from pathlib import Path

import click

from rlbench.cli.common_options import open_plugins
from rlbench.cli.projects.project_files import begin, folder_option, refused
from rlbench.cli.projects.starter_suite import suite

SMALL = "--set 'hidden=[16]' --set batch=16 --set warmup=50 --set lr=0.01 --set target_every=50 --steps 300"


@click.group()
def new() -> None:
    """Make something to begin from: a project with an algorithm, an environment or a report section, or a suite."""


new.add_command(suite)


@new.command(short_help="A plugin with an algorithm that works.")
@click.argument("name")
@folder_option
def algorithm(name: str, output: Path | None) -> None:
    """Make an installable plugin with an algorithm called NAME that works: Q-learning, to be replaced by yours.

    It keeps every rule (`rlbench test-plugin NAME`), has a test that says so, and a suite that runs it against dqn.
    """
    if any(plugin.name == name for plugin in open_plugins(()).plugins):
        raise refused(f"there is a plugin called {name!r} already; choose another")
    install, play = "pip install -e {folder}", "rlbench run {folder}/suite.yaml"
    begin("algorithm", name, output, [install, f"rlbench test-plugin {{name}} {SMALL}", play])


@new.command(short_help="A project with a Gymnasium environment that works.")
@click.argument("name")
@folder_option
def environment(name: str, output: Path | None) -> None:
    """Make an installable project with a Gymnasium environment that works: a walk to a mark, to be replaced by yours.

    Once it is installed, suites name it `rlbench_NAME:Name-v0`; it needs no plugin. It has tests for what a benchmark
    relies on, and a suite that runs random and dqn on it.
    """
    check, play = "rlbench check {folder}/suite.yaml", "rlbench run {folder}/suite.yaml"
    begin("environment", name, output, ["pip install -e {testable}", "pytest {folder}", check, play])


@new.command(short_help="A plugin with a section of the report.")
@click.argument("name")
@folder_option
def report(name: str, output: Path | None) -> None:
    """Make an installable plugin with a section of the report called NAME: each algorithm's best and worst run.

    Once it is installed, every report has it. It has tests, and a small suite whose report shows it.
    """
    specs, _ = open_plugins(()).reports()
    if name.replace("_", "-") in [spec.name for spec in specs]:
        raise refused(f"the report has a section called {name.replace('_', '-')!r} already; choose another")
    following = ["pip install -e {testable}", "pytest {folder}", "rlbench ls reports"]
    begin("report", name, output, [*following, "rlbench run {folder}/suite.yaml"])
