"""`rlbench new suite`: a commented page of YAML that can be run as it is."""

from __future__ import annotations

import shlex
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rlbench.cli.commands.schema import text as schema_text
from rlbench.cli.common_options import open_plugins, plugin_option
from rlbench.cli.projects.project_files import refused, render, say
from rlbench.cli.projects.suite_text import ANCHOR, parts, question, scalar, variant, zoo_parts
from rlbench.cli.user_paths import UserPath

if TYPE_CHECKING:
    from rlbench.plugins import Plugins

SCHEMA = "suite.schema.json"


@click.command(short_help="A page of YAML, with comments, that can be run as it is.")
@click.argument("name")
@click.option(
    "-a",
    "--algorithm",
    "algorithms",
    multiple=True,
    help=f"One of its algorithms, beside {ANCHOR}; may be repeated. Default: dqn or sac, as actions ask for, and ppo.",
)
@click.option(
    "-e",
    "--environment",
    "environments",
    multiple=True,
    default=["CartPole-v1"],
    show_default=True,
    help="One of its environments, an id of Gymnasium's or module:MyEnv-v0; may be repeated.",
)
@click.option("--steps", default=50_000, show_default=True, type=click.IntRange(10), help="Budget of each run.")
@click.option("-s", "--seeds", default=5, show_default=True, type=click.IntRange(1), help="How many runs of each.")
@click.option("--schema", "with_schema", is_flag=True, help=f"Write {SCHEMA} beside it too, for completion in editors.")
@click.option("-o", "--output", type=UserPath(path_type=Path), metavar="FILE", help="The file; default: NAME.yaml.")
@click.option(
    "--from-zoo",
    "zoo",
    type=UserPath(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Take hyperparameters and budgets from a file of rl-baselines3-zoo, such as its ppo.yml; default of -a is then ppo and sb3/ppo.",
)
@click.option(
    "--leave-out",
    "leave_out",
    multiple=True,
    metavar="KEY",
    help="A key of that file which cannot be had here, such as use_sde; may be repeated.",
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
    """Make a suite called NAME, a file that says what its parts mean and that `rlbench check` passes.

    Without options it is a first look: random, dqn and ppo on CartPole-v1, in two minutes. Where X stands beside sb3/X,
    both get the same numbers. With --from-zoo these are the zoo's, and Stable-Baselines3's defaults where the zoo says none.
    """
    name = name.removesuffix(".yaml")
    path = _free_file(name, output)
    plugins, ids = open_plugins(plugin_files), tuple(dict.fromkeys(environments))
    kinds = _kinds_of_actions(plugins, ids, steps)
    if zoo is None and leave_out:
        raise click.UsageError("--leave-out goes with --from-zoo")
    if zoo is None:
        made_of = parts(plugins, algorithms, ids, kinds, steps)
    else:
        asked = context.get_parameter_source("steps") is click.core.ParameterSource.COMMANDLINE
        made_of = zoo_parts(plugins, zoo, algorithms, ids, steps if asked else None, leave_out)
    schema = SCHEMA if with_schema or (path.parent / SCHEMA).is_file() else ""
    words = {"name": scalar(name), "seeds": seeds, "file": path.name, "schema": schema}
    words |= {"question": question(made_of.found, ids), "variant": variant(made_of.found), **made_of._asdict()}
    text = render("suite/suite.yaml.j2", words)
    _check(text, path, plugins)
    for note in made_of.notes:
        click.echo(f"note: {note}", err=True)
    made = {path: text} | ({path.parent / SCHEMA: schema_text()} if with_schema else {})
    path.parent.mkdir(parents=True, exist_ok=True)
    for place, content in made.items():
        place.write_text(content, "utf-8")
    options = "".join(f" --plugin {shlex.quote(file)}" for file in plugin_files)
    say(list(made), [f"rlbench {command} {shlex.quote(str(path))}{options}" for command in ("check", "run")])


def _free_file(name: str, output: Path | None) -> Path:
    """Where the suite is written. Raises: BadParameter for a name that is none or is taken, or a file that is there."""
    from pydantic import TypeAdapter, ValidationError

    from rlbench.messages import explain
    from rlbench.suites import builtin_suites
    from rlbench.suites.suite_models import Name

    try:
        TypeAdapter(Name).validate_python(name)
    except ValidationError as error:
        raise refused(explain(error.errors()[0])) from error
    if name in builtin_suites():
        raise refused(f"a suite {name!r} comes with rlbench, and results lie in a folder of the name; choose another")
    path = output or Path(f"{name}.yaml")
    if path.exists():
        raise click.BadParameter(
            f"{path} exists; choose another, or take it away", param_hint="NAME" if output is None else "-o"
        )
    return path


def _kinds_of_actions(plugins: Plugins, ids: Sequence[str], steps: int) -> set[str]:
    """The types of the environments' action spaces. Raises: BadParameter for one that cannot be made."""
    from rlbench.api import Task
    from rlbench.suites.compatibility import spaces_of

    kinds = set()
    for env_id in ids:
        spaces = spaces_of(plugins, Task(env_id, steps))
        if isinstance(spaces, str):
            raise click.BadParameter(spaces, param_hint="-e")
        kinds.add(type(spaces[1]).__name__)
    return kinds


def _check(text: str, path: Path, plugins: Plugins) -> None:
    """Plan it as `rlbench check` does. Raises: SuiteError, which points at what is wrong in the file as it would be."""
    from rlbench.api import SuiteError
    from rlbench.suites import plan, read_suite

    with tempfile.TemporaryDirectory(prefix="rlbench-") as folder:
        draft = Path(folder, path.name)
        draft.write_text(text, "utf-8")
        try:
            planned = plan(read_suite(draft), plugins)
        except SuiteError as error:
            said = str(error).replace(str(draft), str(path))
            raise SuiteError(f"{said}\n{path} was not written") from error
    for skip in planned.skipped:
        click.echo(f"skipped: {skip.algorithm} on {skip.env_id}: {skip.reason}", err=True)
