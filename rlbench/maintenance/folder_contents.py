"""A listing of a result folder: the space of each kind of file, and what does not belong there. No link is followed."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from rlbench.maintenance.findings import Finding, note, to_do
from rlbench.maintenance.leftovers import is_draft, is_left_over
from rlbench.maintenance.quarantine import FOLDER as SUPERSEDED
from rlbench.maintenance.quarantine import moved
from rlbench.results.attempt_files import SUFFIX
from rlbench.results.file_io import is_within
from rlbench.results.jsonl_records import TABLES

RUNS, ATTEMPTS, CHECKPOINTS, CROSSPLAY = "runs", "attempts", "checkpoints", "crossplay"
LEFTOVERS = "leftovers of killed processes"  # the kind of a finding about a draft
_RUN_FILES = {"spec.json", "result.json", "policy.safetensors", *(f"{table}.parquet" for table in TABLES)}
_ATTEMPT_FILES = {"group.json", "made-by.json", "heartbeat", "exit.json", "stdout.log", "stderr.log"}
_ATTEMPT_FILES |= {f"{table}.jsonl" for table in TABLES}
_CHECKPOINT_FILE = re.compile(r"DONE(\.tmp)?|seed-\d+\.(json|safetensors)")
_OWN = ("LOCK", "LEASE", "imports.jsonl")  # rlbench does not write to them if they have a second hard link
# Files and folders at the top of a result folder, with their names in the listing of disk use (None: their own).
_CACHES, _EXPORTS, _LOGS = "caches and reports", "exports and videos", "logs for trackers"
_TOP_FILES = {
    **dict.fromkeys(("suite.json", "decisions.json", *_OWN), "the suite"),
    **dict.fromkeys(("index.parquet", "index.sha256", "report.html", "difference.html"), _CACHES),
}
_TOP_FOLDERS = {
    **dict.fromkeys((RUNS, ATTEMPTS, CROSSPLAY, SUPERSEDED)),
    **dict.fromkeys(("export", "videos"), _EXPORTS),
    **dict.fromkeys(("tensorboard", "wandb"), _LOGS),
    "queue": "the queue of a cluster",
}
_FREE = {"export", "videos", "tensorboard", "wandb", "queue"}  # folders in which other programs may write any file


@dataclass
class Usage:
    """The space that one kind of file takes: the number of files, and their bytes."""

    files: int = 0
    bytes: int = 0

    def add(self, size: int) -> None:
        self.files += 1
        self.bytes += size


@dataclass
class Contents:
    """A listing of a result folder. usage: space by kind. findings: what does not belong there, or cannot be read."""

    usage: dict[str, Usage] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)


def list_contents(root: Path) -> Contents:
    """Return the listing of a result folder. Raises: OSError if the folder itself cannot be read."""
    contents = Contents()
    waiting = [(Path(), entry, True) for entry in _entries(root)]
    while waiting:
        folder, entry, is_known = waiting.pop()
        path = folder / entry.name
        info = entry.stat(follow_symlinks=False)
        if entry.is_dir(follow_symlinks=False):
            known, inner = _examine(contents, root, path, info, is_known), []
            try:
                inner = _entries(root / path)
            except OSError as error:
                contents.findings.append(_unreadable(root, path, info, error.strerror or "unreadable"))
            waiting += [(path, each, known) for each in inner]
            continue
        contents.usage.setdefault(kind_of(path.parts), Usage()).add(info.st_size)
        _examine(contents, root, path, info, is_known)
    contents.findings.sort(key=lambda finding: finding.where)
    return contents


def kind_of(parts: tuple[str, ...]) -> str:
    """Return the kind of a file in the listing of disk use. parts: the parts of its path in the folder."""
    if len(parts) == 1:
        return _TOP_FILES.get(parts[0], "unknown")
    if parts[0] == ATTEMPTS and CHECKPOINTS in parts[2:3]:
        return CHECKPOINTS
    return _TOP_FOLDERS.get(parts[0], "unknown") or (parts[0] if parts[0] in _TOP_FOLDERS else "unknown")


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        return list(entries)


def _examine(contents: Contents, root: Path, path: Path, info: os.stat_result, is_known: bool) -> bool:
    """Add what is wrong with a file or folder. Returns: whether rlbench knows it. is_known: whether its folder is."""
    if path.parts[0] == SUPERSEDED and len(path.parts) > 1:
        return False  # what was moved to superseded/ is not examined
    contents.findings += _problems(root, path, info, is_known)
    return is_known and not is_draft(path.name) and _is_known(path.parts, stat.S_ISDIR(info.st_mode))


def _problems(root: Path, path: Path, info: os.stat_result, is_known: bool) -> Iterator[Finding]:
    """Yield the most important problem of one file or folder, if it has one."""
    where, full = str(path), root / path
    if stat.S_ISLNK(info.st_mode):
        if not is_within(root, full):
            yield _outward_link(root, path, info)
        return
    if is_draft(path.name):
        if is_left_over(path.name, info):
            what, advice = "a killed process left this draft", "--fix moves it to superseded/"
            yield to_do(where, what, advice, LEFTOVERS, partial(_moved, root, path, info, "draft"))
        return
    if not (stat.S_ISREG(info.st_mode) or stat.S_ISDIR(info.st_mode)):
        what, advice = f"is {_special(info)}, not a file", "--fix moves it to superseded/"
        yield to_do(where, what, advice, "pipes and devices", partial(_moved, root, path, info, "no-file"))
    elif where in _OWN and info.st_nlink > 1:
        what = "has another name elsewhere (a hard link), so rlbench does not write to it"
        yield to_do(where, what, "replace it with a copy of its own", "hard links")
    elif stat.S_ISREG(info.st_mode) and not os.access(full, os.R_OK):
        yield _unreadable(root, path, info, "Permission denied")
    elif is_known and not _is_known(path.parts, stat.S_ISDIR(info.st_mode)):
        yield note(where, "rlbench does not know this", "remove it if it is not yours", "unknown files and folders")


def _is_known(parts: tuple[str, ...], is_folder: bool) -> bool:
    """Return whether rlbench writes a file or folder with this path. parts: the parts of its path in the folder."""
    top, depth, name = parts[0], len(parts), parts[-1]
    if depth == 1:
        return name in (_TOP_FOLDERS if is_folder else _TOP_FILES)
    if top == RUNS:
        return is_folder if depth == 2 else not is_folder and depth == 3 and name in _RUN_FILES
    if top == ATTEMPTS:
        if depth == 2:
            return is_folder or name.endswith(SUFFIX)
        if depth == 3:
            return name in (CHECKPOINTS, "profile") if is_folder else name in _ATTEMPT_FILES
        if parts[2] == CHECKPOINTS:
            return name.isdecimal() if depth == 4 else depth == 5 and bool(_CHECKPOINT_FILE.fullmatch(name))
        return parts[2] == "profile"
    if top == CROSSPLAY:
        return depth == 2 and not is_folder and name.endswith(".json")
    return top in _FREE


def _outward_link(root: Path, path: Path, info: os.stat_result) -> Finding:
    where, kind = str(path), "links that lead out of the folder"
    what = f"is a link that leads out of the folder, to {os.readlink(root / path)}"
    if path.parts[0] in _FREE or (path.parts[0] not in _TOP_FOLDERS and path.parts[0] not in _TOP_FILES):
        return note(where, what, "rlbench does not follow it", kind)
    advice = "replace it with what it leads to"
    if len(path.parts) == 1:  # moving suite.json or runs/ away would make the rest unreadable
        return to_do(where, what, advice, kind)
    return to_do(
        where, what, f"{advice}; --fix moves the link to superseded/", kind, partial(_moved, root, path, info, "link")
    )


def _moved(root: Path, path: Path, info: os.stat_result, why: str) -> str:
    """Move the file or folder that was found to superseded/. Raises: FileNotFoundError if it is gone or replaced."""
    now = os.stat(root / path, follow_symlinks=False)
    if (now.st_dev, now.st_ino) != (info.st_dev, info.st_ino):
        raise FileNotFoundError(f"{path} was replaced")
    return moved(root, root / path, why)


def _unreadable(root: Path, path: Path, info: os.stat_result, why: str) -> Finding:
    """Return the finding of an unreadable file or folder. If this user owns it, --fix gives permission."""
    needed = stat.S_IRUSR | (stat.S_IXUSR if stat.S_ISDIR(info.st_mode) else 0)
    kind, advice = "files that cannot be read", f"chmod u+r{'x' * stat.S_ISDIR(info.st_mode)}"
    if info.st_uid != os.geteuid() or info.st_mode & needed == needed:
        return to_do(
            str(path), f"cannot be read: {why}", f"ask its owner for permission, or run {advice} as its owner", kind
        )

    def permit() -> str:
        os.chmod(root / path, stat.S_IMODE(info.st_mode) | needed)
        return f"its owner may read it now ({advice})"

    return to_do(str(path), f"cannot be read: {why}", f"--fix gives its owner permission ({advice})", kind, permit)


def _special(info: os.stat_result) -> str:
    if stat.S_ISFIFO(info.st_mode):
        return "a pipe"
    return "a socket" if stat.S_ISSOCK(info.st_mode) else "a device"
