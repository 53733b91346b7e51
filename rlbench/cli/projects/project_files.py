"""What every project of `rlbench new` begins with: a name that can be one, a folder that is free, templates filled in.

The templates of a kind lie in rlbench/templates/<kind>; the folder `package` and the files <kind>.py and test_<kind>.py
among them are named after the project.
"""

from __future__ import annotations

import importlib.util
import keyword
import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from rlbench.cli.text_table import write_out
from rlbench.cli.user_paths import UserPath

TEMPLATES = Path(__file__).parents[2] / "templates"
folder_option = click.option(
    "-o",
    "--output",
    type=UserPath(path_type=Path),
    metavar="FOLDER",
    help="Where it is made; default: a folder NAME.",
)


def begin(kind: str, name: str, output: Path | None, following: Sequence[str]) -> None:
    """Make a project of a kind and say what to do next.

    following: command lines in which {folder}, {testable} (the folder with its extra `test`, for pip) and the words of
    templates stand. Raises: click.BadParameter for a name that cannot be one, or a folder that is not free; nothing is
    written then.
    """
    words = words_of(kind, name)
    folder = output or Path(name)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        hint = "NAME" if output is None else "-o"
        raise click.BadParameter(f"{folder} exists and is not an empty folder; choose another", param_hint=hint)
    told = words | {"folder": shlex.quote(str(folder)), "testable": shlex.quote(f"{folder}[test]")}
    say(_fill(kind, folder, words), [line.format(**told) for line in following])


def words_of(kind: str, name: str) -> dict[str, str]:
    """What templates put in: name, package (what is imported), dashed (what is installed), class_name.

    Raises: click.BadParameter for a name that cannot be one, or whose package or class would hide another.
    """
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name) or keyword.iskeyword(name):
        raise refused(f"{name!r} should be lower-case letters, digits and _, no keyword of Python, such as my_{kind}")
    package, class_name = f"rlbench_{name}", "".join(part.capitalize() for part in name.split("_"))
    if importlib.util.find_spec(package) is not None:
        raise refused(f"a package {package} is installed already; choose another name")
    imports = r"^\s*(?:from .*)?import .*\b{}\b"
    for template in (TEMPLATES / kind).rglob("*.py.j2"):
        if re.search(imports.format(class_name), template.read_text(), re.MULTILINE):
            raise refused(f"its class {class_name} would hide what its own file imports; choose another name")
    return {"name": name, "package": package, "dashed": name.replace("_", "-"), "class_name": class_name}


def refused(said: str) -> click.BadParameter:
    return click.BadParameter(said, param_hint="NAME")


def render(template: str, words: Mapping[str, Any]) -> str:
    """A template of rlbench/templates with these words in it."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template).render(words)


def say(made: Sequence[Path], following: Sequence[str]) -> None:
    """Print what was written, a path a line, and the commands that come next."""
    write_out("".join(f"{path}\n" for path in made))
    write_out("\nnext:\n" + "".join(f"  {line}\n" for line in following))


def _fill(kind: str, folder: Path, words: Mapping[str, str]) -> list[Path]:
    """Write every template of a kind into the folder; what was written."""
    name = words["name"]
    renamed = {"package": words["package"], f"{kind}.py": f"{name}.py", f"test_{kind}.py": f"test_{name}.py"}
    made = []
    for template in sorted((TEMPLATES / kind).rglob("*.j2")):
        parts = template.relative_to(TEMPLATES / kind).with_suffix("").parts
        path = folder.joinpath(*(renamed.get(part, part) for part in parts))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(render(template.relative_to(TEMPLATES).as_posix(), words), "utf-8")
        made.append(path)
    return made
