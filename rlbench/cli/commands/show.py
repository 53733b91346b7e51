"""`rlbench show` and `rlbench logs`: one run in full, and the output of its process."""

from __future__ import annotations

import json
import os
from codecs import getincrementaldecoder
from collections.abc import Iterator, Mapping
from contextlib import suppress
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from rlbench.cli.run_argument import find_run, run_argument
from rlbench.cli.text_table import aligned, plain, write_error, write_out
from rlbench.text import plural

if TYPE_CHECKING:
    from rlbench.results import Store

_BLOCK = 1 << 16  # bytes
_MOST_BYTES = 8 << 20  # twice the bytes that rlbench keeps of a log


@click.command()
@run_argument
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of text.")
def show(run: Path, as_json: bool) -> None:
    """Show one run in full: its configuration, its result, and how it was computed.

    RUN is the path or the name of a folder in DIRECTORY/runs, or a unique part of that name.
    """
    from rlbench.results.file_io import read_json

    store, spec, state = find_run(run)
    document: dict[str, Any] = {
        "status": str(state.status),
        "message": state.message,
        "asked": read_json(store.folder(spec) / "spec.json") or {},
        "result": dict(state.result),
    }
    if as_json:
        write_out(json.dumps(document, indent=1) + "\n")
        return
    name = f"{plain(spec.label or spec.algorithm)} on {plain(spec.task.name)}, seed {spec.seed}"
    write_out(f"{name}: {state.status}\n")
    write_out(f"{plain(state.message)}\n" if state.message else "")
    profile = document["result"].pop("group_profile", None)
    for title, key in (("configuration", "asked"), ("result", "result")):
        if document[key]:
            write_out(f"\n{title}\n" + "".join(f"  {line}\n" for line in _lines(document[key])))
    if profile is not None:
        write_out(_times(state.result))


def _times(result: Mapping[str, Any]) -> str:
    """Return a table of the CPU time that the run's group spent on each part of training."""
    from rlbench.profiling.parts import PARTS
    from rlbench.results.time_profiles import profile_of

    profile = profile_of([result])
    assert profile is not None
    title = f"where the time went: CPU seconds of the group, {plural(result['stack_size'], 'seed')}"
    title += f", from step {profile.from_step} on" if profile.from_step else ""
    rows = [
        (f"  {plain(part)}", f"{seconds:.2f}", f"{profile.share(part):.1%}", PARTS.get(part, ""))
        for part, seconds in profile.seconds.items()
    ]
    return f"\n{title}\n" + aligned(
        ("  part", "s", "share", ""), [*rows, ("  all", f"{profile.total:.2f}", "", "")], numbers=(1, 2)
    )


def _lines(value: Any, path: str = "") -> list[str]:
    """Return a nested mapping as lines of `path value`."""
    if isinstance(value, dict):
        return [line for key, inner in value.items() for line in _lines(inner, f"{path}.{key}".lstrip("."))]
    return [f"{plain(path)} {plain(json.dumps(value, ensure_ascii=False))}"]


@click.command()
@run_argument
@click.option("--stdout", is_flag=True, help="Print the standard output of the process instead of its standard error.")
def logs(run: Path, stdout: bool) -> None:
    """Print the log of RUN: what the process of its newest attempt wrote to stderr, such as tracebacks and warnings.

    RUN is the path or the name of a folder in DIRECTORY/runs, or a unique part of that name.
    """
    store, found, state = find_run(run)
    from rlbench.api import RunStatus, StoreError
    from rlbench.results.attempt_files import archive_of, open_attempt_file
    from rlbench.results.file_io import NOT_OWN, unreadable

    is_corrupt = state.status == RunStatus.CORRUPT
    attempt = _newest_attempt(store, found.name) if is_corrupt else state.attempt
    path = store.root / "attempts" / attempt / ("stdout.log" if stdout else "stderr.log")
    try:
        file = open_attempt_file(store.root, path.parent, path.name) if attempt else None
    except FileNotFoundError:
        file = None
    except OSError as error:
        if error.errno in NOT_OWN:
            raise StoreError(f"{path} is not a regular file, or has several links, so it is not read") from error
        raise unreadable(path, error) from error
    if file is None:
        is_there = path.parent.exists() or archive_of(path.parent).exists()
        is_deleted = not is_there if attempt else is_corrupt
        why = "its attempt was deleted" if is_deleted else "the run has not been started in its own process"
        write_error(f"no log: {'the run was imported' if 'imported' in state.result else why}")
        return
    text = "\n"
    with file:
        for text in _blocks(file):
            write_out("\n".join(map(plain, text.split("\n"))))
    write_out("" if text.endswith("\n") else "\n")


def _newest_attempt(store: Store, name: str) -> str:
    """Return the name of the folder of the newest attempt at a run; "" if none is left.

    It is for damaged runs, whose result does not name their attempt.
    """
    from rlbench.api import group_from_dict
    from rlbench.results.attempt_files import SUFFIX, archived_attempts

    attempts: dict[int, str] = {}
    for path, description in chain(store.attempts(), archived_attempts(store.root)):
        with suppress(KeyError, TypeError, ValueError, AttributeError):  # group.json may contain anything
            if any(run.name == name for run in group_from_dict(description["group"]).runs):
                attempts[description["order"]] = path.name.removesuffix(SUFFIX)
    return attempts[max(attempts)] if attempts else ""


def _blocks(file: BinaryIO) -> Iterator[str]:
    """Yield a log's text in blocks, because a single line may be as long as the file.

    If it is longer than any log that rlbench writes, only its beginning and its end are read.
    """
    blocks, decoder = iter(lambda: file.read(_BLOCK), b""), getincrementaldecoder("utf-8")("replace")
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    if size > _MOST_BYTES:
        yield "".join(map(decoder.decode, islice(blocks, _MOST_BYTES // 2 // _BLOCK)))
        yield f"\n… {size - _MOST_BYTES:,} bytes omitted …\n"
        file.seek(size - _MOST_BYTES // 2)
        decoder.reset()  # a character may have been cut in two
    yield from map(decoder.decode, islice(blocks, _MOST_BYTES // _BLOCK))
