"""`rlbench new`: a project to begin from."""

from __future__ import annotations

import re
from pathlib import Path

import click

from rlbench.cli.columns import write_out
from rlbench.cli.opening import open_plugins

SCAFFOLDS = Path(__file__).parents[1] / "scaffolds"
# What the files of a scaffold that are named after the algorithm are called here.
NAMED = {"package": "rlbench_{name}", "algorithm.py": "{name}.py", "test_algorithm.py": "test_{name}.py"}


@click.group()
def new() -> None:
    """Make a project to begin from."""


@new.command()
@click.argument("name")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Where it is made; default: a folder NAME.",
)
def algorithm(name: str, output: Path | None) -> None:
    """Make an installable plugin with an algorithm called NAME that works: Q-learning, to be replaced by yours.

    It keeps every rule (`rlbench test-plugin NAME`), has a test that says so, and a suite that runs it against dqn.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise click.BadParameter(
            f"{name!r} should be lower-case letters, digits and _, such as my_dqn", param_hint="NAME"
        )
    if _taken(name):
        raise click.BadParameter(f"there is an algorithm called {name!r} already; choose another", param_hint="NAME")
    folder = output or Path(name)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise click.BadParameter(
            f"{folder} exists and is not an empty folder", param_hint="NAME" if output is None else "-o"
        )
    class_name = "".join(part.capitalize() for part in name.split("_") if part)
    words = {"name": name, "package": f"rlbench_{name}", "class_name": class_name, "dashed": name.replace("_", "-")}
    made = fill(SCAFFOLDS / "algorithm", folder, words)
    write_out("".join(f"{path}\n" for path in made))
    write_out(
        f"\nnext:\n  pip install -e {folder}\n  rlbench test-plugin {name} --set 'hidden=[16]' --set batch=16 --set warmup=50"
        f" --set lr=0.01 --set target_every=50 --steps 300\n  rlbench run {folder}/suite.yaml\n"
    )


def _taken(name: str) -> bool:
    from rlbench.api import PluginError

    try:
        open_plugins(()).find(name)
    except PluginError:
        return False
    return True


def fill(scaffold: Path, folder: Path, words: dict[str, str]) -> list[Path]:
    """Write every template of a scaffold with these words into the folder; what was written."""
    import jinja2

    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True)
    made = []
    for template in sorted(scaffold.rglob("*.j2")):
        parts = template.relative_to(scaffold).with_suffix("").parts
        path = folder.joinpath(*(NAMED.get(part, part).format(**words) for part in parts))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(environment.from_string(template.read_text()).render(words))
        made.append(path)
    return made
