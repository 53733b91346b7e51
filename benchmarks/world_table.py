"""The table of benchmarks/worlds.py: what was found about environments, counted by package."""

from __future__ import annotations

import importlib.metadata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from pathlib import Path
from typing import Any

from benchmarks.world_facts import PACKAGES

RANDOM, LEARNERS, PEER = "random", ("ppo", "dqn", "sac"), "sb3/ppo"
ALL = "**all**"
Record = dict[str, dict[str, Any]]


def usable(entry: Mapping[str, Any]) -> bool:
    return bool(entry["made"] and entry.get("reward") == "number" and entry.get("repeats") != "never")


def why_not(entry: Mapping[str, Any]) -> str:
    """Return why an environment is not usable."""
    if not entry["made"] or "reward" not in entry:
        return str(entry["reason"])
    return "its reward is not a number" if entry["reward"] != "number" else "never repeats reset(seed)"


def runs_on(entry: Mapping[str, Any], algorithm: str) -> bool:
    """Return whether `rlbench check` planned an algorithm on an environment."""
    refused = entry.get("refused", {"*": ""})
    return "*" not in refused and algorithm not in refused


def learner(entry: Mapping[str, Any]) -> str | None:
    """Return the first of LEARNERS that runs on an environment."""
    return next((name for name in LEARNERS if runs_on(entry, name)), None)


HEADER = (
    "package",
    "version",
    "registered",
    "usable",
    "random",
    "a learner of ours",
    "images",
    "sb3/ppo",
    "pairs run",
    "the rest",
)


def table(record: Record) -> list[tuple[str, ...]]:
    """Return the rows of the table, one for each package and one for all."""
    by_package: dict[str, list[dict[str, Any]]] = {}
    for entry in record.values():
        by_package.setdefault(entry["package"], []).append(entry)
    trained = {entry["pair"] for entry in record.values() if was_trained_on(entry)}
    rows = [
        row(name, by_package[name][0]["version"], by_package[name], trained) for name in PACKAGES if name in by_package
    ]
    return [*rows, row(ALL, "", list(record.values()), trained)]


def was_trained_on(entry: Mapping[str, Any]) -> bool:
    """Return whether all runs on an environment are done."""
    runs = entry.get("runs")
    return bool(runs) and all(status == "done" for status in runs.values())


def row(name: str, version: str, entries: Sequence[Mapping[str, Any]], trained: Set[str]) -> tuple[str, ...]:
    """Return the cells of HEADER. trained: the pairs of spaces that were trained on, in any package."""
    good = [entry for entry in entries if usable(entry)]
    pairs = {entry["pair"] for entry in good if "*" not in entry.get("refused", {"*": ""})}
    others = "" if name == ALL else "; ".join(f"{text} {count}" for text, count in reasons(entries).most_common(4))
    return (
        name,
        version,
        str(len(entries)),
        str(len(good)),
        share([runs_on(entry, RANDOM) for entry in good]),
        share([learner(entry) is not None for entry in good]),
        str(sum(bool(entry["image"]) for entry in good)),
        share([runs_on(entry, PEER) for entry in good]),
        f"{len(pairs & trained)} of {len(pairs)}",
        others,
    )


def share(hits: Sequence[bool]) -> str:
    """Return a count, and the percentage if it is not all; rounded down, so that 100 % means all."""
    if not hits:
        return "–"
    return f"{sum(hits)} (all)" if all(hits) else f"{sum(hits)} ({sum(hits) * 1000 // len(hits) / 10:g} %)"


KINDS = (  # what a reason contains, and its short form
    ("mujoco_py", "needs mujoco-py"),
    ("mujoco-py", "needs mujoco-py"),
    ("is only supported on `mujoco<3`", "needs mujoco < 3"),
    ("flax", "needs jax and flax"),
    ("`jax`", "needs jax"),
    ("No module named", "needs another package"),
    ("The mujoco v2 and v3", "needs mujoco-py"),
    ("gym compatibility environments", "needs the old gym"),
    ("entry_point is not specified", "vector environments only"),
    ("OpenGL", "needs OpenGL"),
    ("exit code", "ends its process"),
    ("No such file", "a file of the package is missing"),
    ("missing", "needs arguments"),
    ("took over", "took too long"),
    ("not a number", "reward is a vector"),
    ("never repeats", "never repeats reset(seed)"),
)


def reasons(entries: Iterable[Mapping[str, Any]]) -> Counter[str]:
    """Count the short reasons why environments are not usable, or no built-in algorithm runs on them."""
    found: Counter[str] = Counter()
    for entry in entries:
        refused = entry.get("refused", {})
        if not usable(entry):
            found[_kind(why_not(entry))] += 1
            continue
        if entry["repeats"] == "when new":
            found["usable, but an episode depends on those before it"] += 1
        if not runs_on(entry, RANDOM):
            found[_kind(refused.get("*") or refused.get(RANDOM) or "not checked")] += 1
        elif learner(entry) is None:
            kinds = [entry[key].partition("(")[0] for key in ("observations", "actions")]
            found[f"no learner for {kinds[0]} observations, {kinds[1]} actions"] += 1
    return found


def _kind(text: str) -> str:
    return next((short for part, short in KINDS if part in text), text[:60])


def version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def markdown(rows: Sequence[Sequence[str]]) -> str:
    lines = [HEADER, ("---", "---", *["--:"] * 7, "---"), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def write(page: Path, text: str) -> None:
    """Put the table between the page's markers."""
    before, rest = page.read_text().split("<!-- worlds -->\n", 1)
    after = rest.split("<!-- end of worlds -->", 1)[1]
    page.write_text(f"{before}<!-- worlds -->\n{text}\n<!-- end of worlds -->{after}")
