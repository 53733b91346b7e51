"""The steps that `rlbench new` takes for every kind of project: check the name and the folder, fill in the templates.

The templates of a kind are in rlbench/templates/<kind>. The folder `package` and the files <kind>.py and test_<kind>.py
are renamed after the project.
"""

from __future__ import annotations

import importlib.util
import keyword
import re
import shlex
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from rlbench.cli.text_table import write_out
from rlbench.cli.user_paths import UserPath
from rlbench.disk_errors import writing

TEMPLATES = Path(__file__).parents[2] / "templates"
folder_option = click.option(
    "-o",
    "--output",
    type=UserPath(path_type=Path),
    metavar="FOLDER",
    help="Folder to create; default: NAME.",
)


def create_project(
    kind: str,
    name: str,
    output: Path | None,
    following: Sequence[str],
    more: Mapping[str, Any] | None = None,
    package: Callable[[Mapping[str, str]], Mapping[str, str]] = lambda words: {},
) -> None:
    """Create a project of a kind and print the next commands.

    following: the next commands; they may contain {folder}, {testable} (the folder with its extra `test`, for pip) and
    the words of the templates. more: further words for the templates. package: a function that gets the words and
    returns the files of the package that have no template, as text by name.

    Raises: click.BadParameter, before writing, for an invalid name or a folder that is not empty.
    """
    words = template_words(kind, name) | dict(more or {})
    files = package(words)
    folder = output or Path(name)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        hint = "NAME" if output is None else "-o"
        raise click.BadParameter(f"{folder} exists and is not an empty folder; choose another", param_hint=hint)
    values = words | {"folder": shlex.quote(str(folder)), "testable": shlex.quote(f"{folder}[test]")}
    texts = _filled(kind, words) | {Path(words["package"], file): text for file, text in files.items()}
    paths = _write_all(folder, texts)
    print_next_steps(paths, [line.format(**values) for line in following])


def template_words(kind: str, name: str) -> dict[str, Any]:
    """Return the words that fill the templates: name, package (to import), dashed (to install) and class_name.

    Raises: click.BadParameter for an invalid name, or if its package or class would hide an existing one.
    """
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name) or keyword.iskeyword(name):
        example = f"my_{kind.partition('_')[0]}"
        raise invalid_name(
            f"{name!r} should be lower-case letters, digits and _, such as {example}, and not a keyword of Python"
        )
    package, class_name = f"rlbench_{name}", "".join(part.capitalize() for part in name.split("_"))
    if importlib.util.find_spec(package) is not None:
        raise invalid_name(f"a package {package} is installed already; choose another name")
    imports = r"^\s*(?:from .*)?import .*\b{}\b"
    for template in (TEMPLATES / kind).rglob("*.py.j2"):
        if re.search(imports.format(class_name), template.read_text("utf-8"), re.MULTILINE):
            raise invalid_name(f"the class {class_name} would hide an imported class in its file; choose another name")
    return {"name": name, "package": package, "dashed": name.replace("_", "-"), "class_name": class_name}


def invalid_name(message: str) -> click.BadParameter:
    return click.BadParameter(message, param_hint="NAME")


def render(template: str, words: Mapping[str, Any]) -> str:
    """Return a template of rlbench/templates with these words filled in."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template).render(words)


def print_next_steps(paths: Sequence[Path], following: Sequence[str]) -> None:
    """Print the written files, one path a line, and the next commands."""
    write_out("".join(f"{path}\n" for path in paths))
    write_out("\nnext:\n" + "".join(f"  {line}\n" for line in following))


def _filled(kind: str, words: Mapping[str, Any]) -> dict[Path, str]:
    """Return the templates of a kind, filled in, by the path of each file in the project."""
    name = words["name"]
    renamed = {"package": words["package"], f"{kind}.py": f"{name}.py", f"test_{kind}.py": f"test_{name}.py"}
    texts = {}
    for template in sorted((TEMPLATES / kind).rglob("*.j2")):
        parts = template.relative_to(TEMPLATES / kind).with_suffix("").parts
        path = Path(*(renamed.get(part, part) for part in parts))
        texts[path] = render(template.relative_to(TEMPLATES).as_posix(), words)
    return texts


def _write_all(folder: Path, texts: Mapping[Path, str]) -> list[Path]:
    """Write files into a folder. If a file cannot be written, remove all of them, so that the command can be run again.

    Returns: the written files. Raises: DiskFull, OSError.
    """
    was_there, paths = folder.exists(), [folder / path for path in texts]
    try:
        with writing(folder):
            for path, text in zip(paths, texts.values()):
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, "utf-8")
    except BaseException:
        for path in folder.iterdir() if was_there else [folder]:  # if it was there, it was empty
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
        raise
    return paths
