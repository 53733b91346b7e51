"""`rlbench new suite`: a commented page of YAML that can be run as it is."""

from __future__ import annotations

import json
import shlex
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rlbench.cli.commands.schema import text as schema_text
from rlbench.cli.common_options import open_plugins, plugin_option
from rlbench.cli.counterparts import PREFIX, in_their_words
from rlbench.cli.projects.project_files import refused, render, say
from rlbench.cli.user_paths import UserPath

if TYPE_CHECKING:
    from rlbench.plugins import Plugins, Resolved

MODEL = "quickstart"  # the suite whose hyperparameters are taken, on its own environment
ANCHOR = "random"
SCHEMA = "suite.schema.json"
RATES = ("lr", "learning_rate")


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
@plugin_option
def suite(
    name: str,
    algorithms: Sequence[str],
    environments: Sequence[str],
    steps: int,
    seeds: int,
    with_schema: bool,
    output: Path | None,
    plugin_files: Sequence[str],
) -> None:
    """Make a suite called NAME, a file that says what its parts mean and that `rlbench check` passes.

    Without options it is a first look: random, dqn and ppo on CartPole-v1, in two minutes.
    """
    name = name.removesuffix(".yaml")
    path = _free_file(name, output)
    plugins, ids = open_plugins(plugin_files), tuple(dict.fromkeys(environments))
    kinds = _kinds_of_actions(plugins, ids, steps)
    chosen = algorithms or [*(["dqn"] if "Discrete" in kinds else []), *(["sac"] if "Box" in kinds else []), "ppo"]
    found = _resolved(plugins, tuple(dict.fromkeys([ANCHOR, *chosen])))
    schema = SCHEMA if with_schema or (path.parent / SCHEMA).is_file() else ""
    words = {"name": _scalar(name), "environments": [*map(_scalar, ids)], "steps": f"{steps:_}", "seeds": seeds}
    told = {"question": _question(found, ids), "file": path.name, "schema": schema, "every": f"{steps // 10:_}"}
    entries = {"algorithms": _entries(plugins, found, ids), "variant": _variant(found)}
    text = render("suite/suite.yaml.j2", words | told | entries)
    _check(text, path, plugins)
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


def _resolved(plugins: Plugins, names: Sequence[str]) -> list[tuple[str, Resolved]]:
    from rlbench.plugins import resolve

    answers = resolve(plugins, [(name, {}) for name in names])
    for answer in answers:
        if isinstance(answer, Exception):
            raise click.BadParameter(str(answer), param_hint="-a") from answer
    return [(name, answer) for name, answer in zip(names, answers) if not isinstance(answer, Exception)]


def _entries(plugins: Plugins, found: Sequence[tuple[str, Resolved]], ids: Sequence[str]) -> list[dict[str, Any]]:
    """List the algorithms: those that the model suite has, on its environment, with its hyperparameters; where X stands
    beside sb3/X, that one with the same numbers.
    """
    from rlbench.suites import builtin_suites, load_suite

    model = load_suite(builtin_suites()[MODEL])
    same = tuple(ids) == tuple(environment.id for environment in model.environments)
    tuned: Mapping[str, Mapping[str, Any]] = {a.id: a.params for a in model.algorithms} if same else {}
    entries = []
    for name, theirs in found:
        ours = name.removeprefix(PREFIX)
        if ours != name and ours in dict(found):
            params: Mapping[str, Any] = _same_numbers(plugins, ours, tuned.get(ours, {}), theirs)
            why = f"the numbers of {ours}"
        else:
            params, why = tuned.get(name, {}), f"as the suite {MODEL} has them"
        entries.append({"id": _scalar(name), "params": [(k, _value(v)) for k, v in params.items()], "why": why})
    return entries


def _same_numbers(plugins: Plugins, ours: str, params: Mapping[str, Any], theirs: Resolved) -> dict[str, Any]:
    """What sb3/X has to be told to have the numbers of X: those that are not its defaults."""
    from rlbench.plugins import resolve

    (answer,) = resolve(plugins, [(ours, params)])
    if isinstance(answer, Exception):
        raise click.BadParameter(str(answer), param_hint="-a") from answer
    found = in_their_words(ours, answer.config, theirs.config)
    return {name: value for name, value in found.items() if theirs.config[name] != value}


def _variant(found: Sequence[tuple[str, Resolved]]) -> dict[str, str] | None:
    """An algorithm and the name of its learning rate, for an example."""
    for name, answer in found:
        for entry in answer.schema:
            if entry["name"] in RATES:
                return {"id": _scalar(name), "parameter": entry["name"]}
    return None


def _question(found: Sequence[tuple[str, Resolved]], ids: Sequence[str]) -> str:
    names = [name for name, _ in found]
    asked = f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]
    return f"{asked} on {', '.join(ids)}"


def _scalar(text: str) -> str:
    """As YAML reads it back: in quotes where it would be a number, a date, or no text at all."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        return text if YAML(typ="safe").load(f"a: {text}") == {"a": text} else json.dumps(text)
    except YAMLError:
        return json.dumps(text)


def _value(value: Any) -> str:
    return _scalar(value) if isinstance(value, str) else json.dumps(value)


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
