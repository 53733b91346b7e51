"""The suite file that `rlbench tune --write` writes: the suite's text with the chosen hyperparameters."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rlbench.suites import LoadedSuite
    from rlbench.tuning.algorithm_search import AlgorithmSearch

FIRST_WORDS = "# Tuned by `rlbench tune "


def check_target(path: Path, suite: Path) -> None:
    """Check that the file may be written: it is new, or an earlier search wrote it. Raises: click.UsageError."""
    if not path.exists():
        if not path.parent.is_dir():
            raise click.UsageError(f"--write {path}: the folder {path.parent} does not exist")
        return
    if path.resolve() == suite.resolve():
        raise click.UsageError(f"--write {path}: this is the suite itself; choose another file")
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            if file.read(len(FIRST_WORDS)) == FIRST_WORDS:
                return
    except OSError as error:
        raise click.UsageError(f"--write {path}: cannot be read: {error.strerror}") from error
    raise click.UsageError(f"--write {path}: exists already, and no search wrote it; choose another file or remove it")


def tuned_text(
    loaded: LoadedSuite, searches: Sequence[AlgorithmSearch], command: str, outcome: Sequence[str] = ()
) -> str:
    """Return the suite's text with each chosen setting as `params` and without `tune`. Comments of the file are kept.

    The suite gets another name, so that it does not share a result folder with the suite that was tuned. command: the
    command of the search, which the key `tuned` names. outcome: lines on what the search has shown.
    """
    from ruamel.yaml import YAML

    from rlbench.tuning.trial_suites import LONGEST_NAME

    yaml = YAML(typ="rt")
    yaml.preserve_quotes, yaml.width = True, 4096
    yaml.indent(mapping=2, sequence=4, offset=2)
    document: Any = yaml.load(loaded.source.text)
    searched = {found.algorithm: found for found in searches}
    entries = document["algorithms"]
    for i, algorithm in enumerate(loaded.suite.algorithms):
        if (found := searched.get(algorithm.name)) is None:
            continue
        if isinstance(entries[i], str):
            entries[i] = _in_one_line({"id": entries[i]})
        if setting := found.winner.setting:
            entries[i].setdefault("params", _in_one_line({}))
            entries[i]["params"].update({**algorithm.params, **setting})
        entries[i]["tuned"] = _in_one_line(found.tuned(command).model_dump(exclude_none=True))
    del document["tune"]
    document["name"] = f"{loaded.suite.name}-tuned"[:LONGEST_NAME]
    stream = io.StringIO()
    yaml.dump(document, stream)
    comments = "".join(f"# {' '.join(line.split())}\n" for line in outcome)
    return f"{_origin(loaded, searches, command)}\n{comments}{stream.getvalue()}"


def _in_one_line(values: dict[str, Any]) -> Any:
    """Return a mapping that YAML writes on one line, as {key: value}, so that a comment behind it stays there."""
    from ruamel.yaml.comments import CommentedMap

    mapping = CommentedMap(values)
    mapping.fa.set_flow_style()
    return mapping


def _origin(loaded: LoadedSuite, searches: Sequence[AlgorithmSearch], command: str) -> str:
    import rlbench
    from rlbench.results import commit
    from rlbench.text import join_names

    tune = loaded.suite.tune
    assert tune is not None
    rounds = ", then ".join(f"{trials} with {seeds}" for trials, seeds in tune.rounds)
    names = join_names([f"{found.algorithm} (trial {found.chosen}, {found.steps:,} steps)" for found in searches])
    code = commit(Path(rlbench.__file__))
    version = f"rlbench {rlbench.__version__}" + (f", commit {code}" if code else "")
    line = f"# Tuned by `{command}`: {names}; trials and their seeds: {rounds}; {version}"
    return " ".join(line.split())  # one comment line, even if a label has line breaks


def write_text(path: Path, text: str) -> None:
    """Write the file, and replace an earlier one. Raises: click.UsageError if it cannot be written."""
    from rlbench.results.file_io import replace_file

    def write(draft: Path) -> None:
        draft.write_text(text, "utf-8")

    try:
        replace_file(path, write)
    except OSError as error:
        raise click.UsageError(f"--write {path}: cannot be written: {error.strerror}") from error
