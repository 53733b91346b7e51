"""`rlbench new`: projects and suites to start from."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import click

from rlbench.cli.common_options import open_plugins
from rlbench.cli.projects.algorithm_copy import SB3_TRIAL, TRIALS, copy_of
from rlbench.cli.projects.project_files import create_project, folder_option, invalid_name
from rlbench.cli.projects.starter_suite import suite

SMALL = (
    "--set 'net_arch=[16]' --set batch_size=16 --set learning_starts=50 --set learning_rate=0.01 "
    "--set target_update_interval=50 --steps 300"
)


@click.group()
def new() -> None:
    """Create a suite, or a project with an algorithm, an environment or a report section, to start from."""


new.add_command(suite)


@new.command(short_help="Create a plugin with a working algorithm.")
@click.argument("name")
@click.option(
    "--like",
    type=click.Choice(list(TRIALS)),
    metavar="ALGORITHM",
    help="Begin with a copy of this built-in algorithm instead of Q-learning.",
)
@click.option("--sb3", is_flag=True, help="Begin with a subclass of Stable-Baselines3's PPO (extra `sb3`).")
@folder_option
def algorithm(name: str, like: str | None, sb3: bool, output: Path | None) -> None:
    """Create an installable plugin with a working algorithm called NAME: Q-learning, to be replaced by your own.

    The algorithm keeps every rule that `rlbench test-plugin NAME` checks. The plugin has a test of this, and a suite
    that compares the algorithm with dqn, or with the algorithm that it was copied or derived from.
    """
    if like and sb3:
        raise click.UsageError("--like and --sb3 exclude each other: a project begins with one algorithm")
    if any(plugin.name == name for plugin in open_plugins(()).plugins):
        raise invalid_name(f"there is already a plugin called {name!r}; choose another name")
    install, play = "pip install -e {folder}", "rlbench run {folder}/suite.yaml"
    if not like and not sb3:
        create_project("algorithm", name, output, [install, f"rlbench test-plugin {{name}} {SMALL}", play])
        return
    trial = TRIALS[like] if like else SB3_TRIAL
    more = {
        "like": like,
        "task": trial.task,
        "backend": "" if trial.backend == "gymnasium" else f", backend: {trial.backend}",
        "small": json.dumps(trial.params),
        "learn_steps": trial.learn_steps,
        "options": trial.options,
    }
    following = [install, f"rlbench test-plugin {{name}} {trial.options}", play]
    if like:
        create_project("algorithm_like", name, output, following, more, partial(copy_of, like))
    else:
        create_project("algorithm_sb3", name, output, following, more)


@new.command(short_help="Create a project with a working Gymnasium environment.")
@click.argument("name")
@folder_option
def environment(name: str, output: Path | None) -> None:
    """Create an installable project with a working Gymnasium environment: an agent walks to a mark.

    Replace this task by your own. After installation, suites refer to it as `rlbench_NAME:Name-v0`; it needs
    no plugin. The project has tests for what a benchmark requires of an environment, and a suite that trains random and
    dqn on it.
    """
    check, play = "rlbench check {folder}/suite.yaml", "rlbench run {folder}/suite.yaml"
    create_project("environment", name, output, ["pip install -e {testable}", "pytest {folder}", check, play])


@new.command(short_help="Create a plugin with a section of the report.")
@click.argument("name")
@folder_option
def report(name: str, output: Path | None) -> None:
    """Create an installable plugin with a report section called NAME: each algorithm's best and worst run.

    After installation, every report contains the section. The plugin has tests, and a small suite whose report shows
    the section.
    """
    specs, _ = open_plugins(()).reports()
    if name.replace("_", "-") in [spec.name for spec in specs]:
        raise invalid_name(f"the report already has a section called {name.replace('_', '-')!r}; choose another name")
    following = ["pip install -e {testable}", "pytest {folder}", "rlbench ls reports"]
    create_project("report", name, output, [*following, "rlbench run {folder}/suite.yaml"])
