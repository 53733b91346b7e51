"""Checkup of a result folder: everything that `rlbench doctor` finds in it, and how it is mended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from rlbench.analysis.sequential_log import read_decisions
from rlbench.api import DiskFull, Run, RunStatus, StoreError
from rlbench.maintenance.attempt_checkup import examine_attempts
from rlbench.maintenance.findings import Finding, note, ok, to_do
from rlbench.maintenance.folder_contents import LEFTOVERS, Contents, list_contents
from rlbench.maintenance.known_runs import read_suite
from rlbench.maintenance.quarantine import moved
from rlbench.maintenance.run_checkup import UNFINISHED, RunCheckup
from rlbench.results import Store
from rlbench.results.file_io import unreadable, why_unreadable
from rlbench.results.requested_runs import DamagedRun
from rlbench.results.results_index import cache_problem
from rlbench.text import counted, data_size, plural

_CACHE_FILES = ("index.parquet", "index.sha256")


class FolderCheckup:
    """A result folder, examined once. findings: the most important ones first. usage: disk space by kind of file.

    Raises: StoreError if the folder cannot be read, or was written by a newer version.
    """

    def __init__(self, store: Store) -> None:
        self._store, self._in_use = store, store.is_in_use()
        self._document, self._suite_problem = read_suite(store)
        self._runs = RunCheckup(store, self._document)
        try:
            self._contents: Contents = list_contents(store.root)
        except OSError as error:
            raise unreadable(store.root, error) from error
        self.usage = self._contents.usage
        self.findings: Sequence[Finding] = list(self._examine())

    def _examine(self) -> Iterator[Finding]:
        if self._in_use:
            yield note("LOCK", "a command is writing to this folder; attempts and drafts are not examined")
        if self._suite_problem:
            yield to_do("suite.json", self._suite_problem, "the next `rlbench run` writes it again and keeps every run")
        yield from self._runs.findings()
        if not self._in_use:
            yield from examine_attempts(self._store)
        yield from self._examine_others()
        yield from (f for f in self._contents.findings if not (self._in_use and f.kind == LEFTOVERS))
        yield self._disk_use()
        if not self._in_use and self._document is not None:
            yield _next_run(self._store, self._runs)

    def _cache_problem(self) -> str:
        readable = [run for run in self._runs.requested if not isinstance(run, DamagedRun)]
        return cache_problem(self._store, readable, self._runs.states, self._runs.facts)

    def _disk_use(self) -> Finding:
        kinds = sorted(self.usage.items(), key=lambda item: -item[1].bytes)
        parts = [f"{name} {data_size(use.bytes)} in {counted(use.files, 'file')}" for name, use in kinds]
        total = sum(use.bytes for use in self.usage.values())
        text = f"{data_size(total)}: {', '.join(parts)}; `rlbench gc` lists what can be freed"
        return ok("disk use", text)

    def _examine_others(self) -> Iterator[Finding]:
        """Yield what is wrong with the cache of numbers and with the decisions of `--until-decided`."""
        root = self._store.root
        if self._document is not None and (problem := self._cache_problem()):
            advice = "--fix moves it to superseded/; it is a cache, and is written again"
            yield to_do("index.parquet", problem, advice, "caches", partial(_drop_cache, self._store))
        try:
            read_decisions(self._store)
        except StoreError as error:
            problem, _, advice = str(error).removeprefix(f"{root}/").partition("; ")
            yield to_do("decisions.json", problem.removeprefix("decisions.json: "), advice)


def refuse_other_folders(root: Path) -> None:
    """Check that rlbench wrote something in a folder, before a command writes there. Raises: StoreError."""
    if not any((root / name).exists() for name in ("suite.json", "runs", "attempts")):
        raise StoreError(f"{root}: no results here (there is no suite.json)")


def mend(store: Store) -> Iterator[Finding]:
    """Mend each finding that can be mended, and yield what was done. Nothing is deleted.

    The caller must hold the folder's lock. Raises: DiskFull.
    """
    for finding in FolderCheckup(store).findings:
        if finding.mend is None:
            continue
        try:
            yield ok(finding.where, finding.mend())
        except DiskFull:
            raise
        except FileNotFoundError:
            continue  # it was moved away with its folder
        except (OSError, StoreError) as error:
            reason = why_unreadable(error) if isinstance(error, OSError) else str(error)
            yield to_do(finding.where, f"could not be mended: {reason}", "do it by hand")


def _drop_cache(store: Store) -> str:
    texts = [moved(store.root, store.root / name, "stale") for name in _CACHE_FILES if (store.root / name).exists()]
    return "; ".join(texts)


def _next_run(store: Store, checkup: RunCheckup) -> Finding:
    """Return what the next `rlbench run` of the same suite would do, as far as this is known without its plugins."""
    counts = Counter(_prospect(store, run, checkup) for run in checkup.requested)
    plans = [text.format(plural(counts[name], "run")) for name, text in _PROSPECTS.items() if counts[name]]
    what = f"the next `rlbench run` {', '.join(plans)}" if plans else "there are none"
    if set(counts) <= {"keeps"}:
        return ok("runs", what)
    return to_do("runs", what, f"`rlbench status {store.root}` names them", UNFINISHED)


# What the next `rlbench run` does with runs, in words.
_PROSPECTS = {
    "keeps": "keeps {} as finished",
    "starts": "trains {} from step 0",
    "resumes": "resumes {} from the last checkpoint, if the code is still the same",
    "failed": "keeps {} as failed unless --rerun failed is given",
    "corrupt": "keeps {} as damaged unless --rerun corrupt is given",
    "restores": "restores {} that can be read again",
    "imported": "leaves {} that must be imported again",
}


def _prospect(store: Store, run: Run, checkup: RunCheckup) -> str:
    """Return what the next `rlbench run` does with a run: a key of _PROSPECTS."""
    state = checkup.states[run.key]
    if run.key in checkup.damaged:
        return "restores" if checkup.damaged[run.key] else "corrupt"
    if state.status.has_score:
        return "keeps"
    if run.name in checkup.imported:
        return "imported"
    if state.status == RunStatus.CORRUPT:
        return "restores" if (store.folder(run) / "result.json").exists() else "starts"
    if state.status.is_failure:
        return "failed"
    return "resumes" if any(any(folder.glob("*/DONE")) for folder, _ in store.checkpoints(run)) else "starts"
