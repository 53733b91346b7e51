"""`rlbench new suite`: write a commented YAML file that runs unchanged."""

from __future__ import annotations

import shlex
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rlbench.cli.commands.schema import text as schema_text
from rlbench.cli.common_options import open_plugins
from rlbench.cli.declared_options import plugin_option
from rlbench.cli.projects.project_files import invalid_name, print_next_steps, render
from rlbench.cli.projects.suite_text import ANCHOR, parts, question, scalar, variant, zoo_parts
from rlbench.cli.text_table import write_error
from rlbench.cli.user_paths import UserPath

if TYPE_CHECKING:
    from rlbench.plugins import Plugins

SCHEMA = "suite.schema.json"


@click.command(short_help="Write a commented YAML file that runs unchanged.")
@click.argument("name")
@click.option(
    "-a",
    "--algorithm",
    "algorithms",
    multiple=True,
    help=f"Algorithm to add besides {ANCHOR}; may be repeated. Default: ppo, with dqn for discrete actions and sac for "
    "continuous ones.",
)
@click.option(
    "-e",
    "--environment",
    "environments",
    multiple=True,
    default=["CartPole-v1"],
    show_default=True,
    help="Environment of the suite: a Gymnasium id or module:MyEnv-v0; may be repeated.",
)
@click.option("--steps", default=50_000, show_default=True, type=click.IntRange(10), help="Budget of each run.")
@click.option(
    "-s",
    "--seeds",
    default=5,
    show_default=True,
    type=click.IntRange(1),
    help="Number of seeds of each algorithm on each environment.",
)
@click.option(
    "--schema", "with_schema", is_flag=True, help=f"Also write {SCHEMA} to the same folder, for completion in editors."
)
@click.option(
    "-o", "--output", type=UserPath(path_type=Path), metavar="FILE", help="File to write; default: NAME.yaml."
)
@click.option(
    "--from-zoo",
    "zoo",
    type=UserPath(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help=(
        "Take hyperparameters and budgets from a file of rl-baselines3-zoo, such as its ppo.yml. "
        "Without -a, the suite then has both versions of the file's algorithm, here ppo and sb3/ppo."
    ),
)
@click.option(
    "--leave-out",
    "leave_out",
    multiple=True,
    metavar="KEY",
    help="With --from-zoo: skip this key of FILE, which rlbench does not support, such as use_sde; may be repeated.",
)
@plugin_option
@click.pass_context
def suite(
    context: click.Context,
    name: str,
    algorithms: Sequence[str],
    environments: Sequence[str],
    steps: int,
    seeds: int,
    with_schema: bool,
    output: Path | None,
    zoo: Path | None,
    leave_out: Sequence[str],
    plugin_files: Sequence[str],
) -> None:
    """Write a suite called NAME: a YAML file that passes `rlbench check`, with comments that explain its parts.

    Without options, the suite trains random, dqn and ppo on CartPole-v1, in two minutes. If the suite has both
    rlbench's and Stable-Baselines3's version of an algorithm (such as ppo and sb3/ppo), both get the same
    hyperparameters. With --from-zoo, hyperparameters come from the zoo's file; those that the file does not set have
    Stable-Baselines3's defaults.
    """
    name = name.removesuffix(".yaml")
    path = _free_file(name, output)
    plugins, ids = open_plugins(plugin_files), tuple(dict.fromkeys(environments))
    kinds = _kinds_of_actions(plugins, ids, steps)
    if zoo is None and leave_out:
        raise click.UsageError("--leave-out needs --from-zoo")
    if zoo is None:
        suite_parts = parts(plugins, algorithms, ids, kinds, steps)
    else:
        given = context.get_parameter_source("steps") is click.core.ParameterSource.COMMANDLINE
        suite_parts = zoo_parts(plugins, zoo, algorithms, ids, steps if given else None, leave_out)
    schema = SCHEMA if with_schema or (path.parent / SCHEMA).is_file() else ""
    words = {"name": scalar(name), "seeds": seeds, "file": path.name, "schema": schema}
    chosen = suite_parts.resolved
    words |= {"question": question(chosen, ids), "variant": variant(chosen), **suite_parts._asdict()}
    text = render("suite/suite.yaml.j2", words)
    _check(text, path, plugins)
    for note in suite_parts.notes:
        write_error(f"note: {note}")
    files = {path: text} | ({path.parent / SCHEMA: schema_text()} if with_schema else {})
    path.parent.mkdir(parents=True, exist_ok=True)
    for file, content in files.items():
        file.write_text(content, "utf-8")
    options = "".join(f" --plugin {shlex.quote(plugin_file)}" for plugin_file in plugin_files)
    print_next_steps(
        list(files), [f"rlbench {command} {shlex.quote(str(path))}{options}" for command in ("check", "run")]
    )


def _free_file(name: str, output: Path | None) -> Path:
    """Return the path of the suite file. Raises: BadParameter for an invalid or taken name, or an existing file."""
    from pydantic import TypeAdapter, ValidationError

    from rlbench.messages import explain
    from rlbench.suites import builtin_suites
    from rlbench.suites.suite_values import Name

    try:
        TypeAdapter(Name).validate_python(name)
    except ValidationError as error:
        raise invalid_name(explain(error.errors()[0])) from error
    if name in builtin_suites():
        raise invalid_name(
            f"rlbench has a built-in suite {name!r}, whose results are stored in a folder of that name; choose another"
        )
    path = output or Path(f"{name}.yaml")
    if path.exists():
        raise click.BadParameter(
            f"{path} exists; choose another, or remove it", param_hint="NAME" if output is None else "-o"
        )
    return path


def _kinds_of_actions(plugins: Plugins, ids: Sequence[str], steps: int) -> set[str]:
    """Return the types of the environments' action spaces. Raises: BadParameter if an environment cannot be made."""
    from rlbench.api import Task
    from rlbench.suites.compatibility import examine

    kinds = set()
    for facts in examine(plugins, [Task(env_id, steps) for env_id in ids]):
        if isinstance(facts, str):
            raise click.BadParameter(facts, param_hint="-e")
        kinds.add(type(facts.action_space).__name__)
    return kinds


def _check(text: str, path: Path, plugins: Plugins) -> None:
    """Plan the suite as `rlbench check` does. Raises: SuiteError with the place in the text that would be written."""
    from rlbench.api import SuiteError
    from rlbench.suites import plan, read_suite

    with tempfile.TemporaryDirectory(prefix="rlbench-") as folder:
        draft = Path(folder, path.name)
        draft.write_text(text, "utf-8")
        try:
            planned = plan(read_suite(draft), plugins)
        except SuiteError as error:
            message = str(error).replace(str(draft), str(path))
            raise SuiteError(f"{message}\n{path} was not written") from error
    for skip in planned.skipped:
        write_error(f"skipped: {skip.algorithm} on {skip.environment}: {skip.reason}")
