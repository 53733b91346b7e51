"""The suites of several result folders as one: they must fit together, and get one suite.json and decisions.json."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rlbench.analysis.sequential_log import Decisions, as_document, read_decisions
from rlbench.api import Run, SuiteError, canonical
from rlbench.results import Store
from rlbench.results.checksums import with_checksum
from rlbench.results.requested_runs import DamagedRun
from rlbench.results.run_states import SCHEMA_VERSION
from rlbench.results.score_anchors import anchors_of, name_of

Documents = Mapping[Path, Mapping[str, Any]]  # the contents of suite.json, by folder


def refuse_mixtures(documents: Documents, runs: Mapping[Path, Sequence[Run]]) -> None:
    """Check that folders agree: each task's name means one task and one pair of anchors, each label on it one setting.

    Otherwise a table would mix different things. runs: the runs of each folder. Raises: SuiteError with what differs.
    """
    known: dict[tuple[str, ...], tuple[Any, Path]] = {}
    problems: dict[str, None] = {}
    for root, document in documents.items():
        readable = [run for run in runs[root] if not isinstance(run, DamagedRun)]
        anchors = anchors_of(document["suite"], {run.task.name: run.task for run in readable})
        meanings: dict[tuple[str, ...], tuple[Any, str]] = {}
        for task, pair in anchors.items():
            meanings["anchors", task] = (pair.lower, pair.upper), f"{task} has other anchors"
        for run in readable:
            label, task = run.label or run.algorithm, run.task.name
            meanings.setdefault(("task", task), (canonical(run.task.requested), f"{task} is another task"))
            settings = canonical([run.algorithm, run.config, run.seed_space, run.precision])
            meanings.setdefault(("label", task, label), (settings, f"{label} on {task} has other settings"))
        for name, (meaning, problem) in meanings.items():
            first, where = known.setdefault(name, (meaning, root))
            if first != meaning:
                problems[f"{problem} in {root} than in {where}"] = None
    if problems:
        raise SuiteError("; ".join(problems) + ": merge folders of one suite, or give one of the two another label")


def common_decisions(stores: Iterable[Store]) -> Decisions | None:
    """Return the decisions of `--until-decided` that all folders share; None if no folder has decisions.

    All folders must be copies of one folder; some copies may be older. Seeds of another folder would change the error
    rates of the tests. Raises: SuiteError if they are not copies; StoreError if decisions cannot be read.
    """
    found = {store.root: read_decisions(store) for store in stores}
    decided = {root: decisions for root, decisions in found.items() if decisions is not None}
    if not decided:
        return None
    newest = max(decided, key=lambda root: len(decided[root].looks))
    whole = as_document(decided[newest])
    for root, decisions in found.items():
        part = None if decisions is None else as_document(decisions)
        if part is None or not _is_beginning(part, whole):
            raise SuiteError(
                f"{newest} has seeds that were added until pairs were decided, and {root} is no copy of it: the error "
                "rates of its tests would not hold for both together; compare the folders, or run both with fixed seeds"
            )
    return decided[newest]


def _is_beginning(part: Mapping[str, Any], whole: Mapping[str, Any]) -> bool:
    """Return whether `part` has the same design as `whole`, and its first looks."""
    parts = ("design", "scale", "anchors", "algorithms")
    return canonical([part[name] for name in parts]) == canonical([whole[name] for name in parts]) and (
        part["looks"] == whole["looks"][: len(part["looks"])]
    )


def union_of_suites(
    documents: Documents, runs: Mapping[Path, Sequence[Run]], name: str, version: str
) -> dict[str, Any]:
    """Return the contents of suite.json for the runs of several folders. If entries differ, use the first folder's.

    runs: the runs of each folder. name: the new suite's name if the suites have several. version: rlbench's version.
    """
    suites = [document["suite"] for document in documents.values()]
    environments: dict[str, Mapping[str, Any]] = {}
    for suite in suites:
        for entry in suite.get("environments", ()):
            if not environments.setdefault(name_of(entry), entry).get("anchors") and entry.get("anchors"):
                environments[name_of(entry)] = entry
    merged = {**suites[0], "name": suites[0]["name"] if len({suite["name"] for suite in suites}) == 1 else name}
    merged["environments"] = list(environments.values())
    merged["algorithms"] = _unique(entry for suite in suites for entry in suite.get("algorithms", ()))
    merged["seeds"] = sorted({run.seed for each in runs.values() for run in each})
    if any("register" in suite for suite in suites):
        merged["register"] = _unique(entry for suite in suites for entry in suite.get("register", ()))
    entries: dict[str, Mapping[str, Any]] = {}
    for document in documents.values():
        for entry in document["runs"]:
            entries.setdefault(entry["folder"], entry)
    trained = {(run.label or run.algorithm, run.task.name) for each in runs.values() for run in each}
    skipped = _unique(pair for document in documents.values() for pair in document.get("skipped", ()))
    return with_checksum(
        {
            "schema_version": SCHEMA_VERSION,
            "rlbench": version,
            "suite": merged,
            "runs": list(entries.values()),
            "skipped": [pair for pair in skipped if (pair["algorithm"], pair["environment"]) not in trained],
            **({"adaptive": True} if any(document.get("adaptive") for document in documents.values()) else {}),
        }
    )


def _unique(values: Iterable[Any]) -> list[Any]:
    return list({canonical(value): value for value in values}.values())
