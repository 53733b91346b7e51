"""The command: select the sides, measure the works one after another, and store the results."""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import sys
import time
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from benchmarks.speed import flops, rounds, table
from benchmarks.speed.plot import draw
from benchmarks.speed.works import BY_NAME_ALONE, WORKS, Side, Work, ours_of, peers_of
from rlbench.api import PluginError
from rlbench.plugins import load_plugins
from rlbench.results.provenance import commit, hardware, versions

QUICK, FULL = (3, 1.0), (7, 4.0)  # rounds, seconds of a turn
QUICK_LIMIT = 570.0  # seconds that a quick run may take
PACKAGES = {"sb3": "stable_baselines3", "sbx": "sbx", "purejax": "jax"}


def sides_of(work: Work) -> tuple[list[Side], dict[str, str]]:
    """Return the sides that can run here, the floor first, and why the others cannot."""
    plugins, skipped = load_plugins(), {}
    sides = [Side(work.name, "floor")]
    for side in [*ours_of(work), *peers_of(work)]:
        package = PACKAGES.get(side.library)
        if package is not None and importlib.util.find_spec(package) is None:
            skipped[side.name] = f"{package} is not installed (pip install -e '.[peers]')"
            continue
        try:
            if side.library == "ours":
                plugins.backend(side.backend)
        except PluginError as error:
            skipped[side.name] = f"no backend {side.backend!r} is registered: {error}"
            continue
        sides.append(side)
    return sides, skipped


def measure(work: Work, arguments: argparse.Namespace, limit: float) -> dict[str, Any]:
    """Measure one work in `limit` seconds: its sides' turns, their rows, and skipped sides with reasons."""
    say(work.name)
    sides, skipped = sides_of(work)
    for name, why in skipped.items():
        say(f"  {name}: skipped, {why}")
    plan = rounds.Plan(arguments.rounds, arguments.seconds, arguments.core, arguments.spare, limit)
    played = rounds.play(sides, plan, say)
    return {
        "work": work.name,
        "config": dict(work.config),
        "flops_per_seed_step": asdict(flops.seed_step(work)),
        "sides": [asdict(each) for each in played],
        "rows": table.work_rows(work, played),
        "skipped": skipped | {each.side.name: each.failed for each in played if each.late},
        "failed": {each.side.name: each.failed for each in played if each.failed and not each.late},
        "busy": table.busy(played),
    }


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def circumstances(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return what affects the figures besides the measured code."""
    packages = dict(versions())
    for name in ("jax", "jaxlib", "sbx-rl", "flax", "envpool"):
        try:
            packages[name] = version(name)
        except PackageNotFoundError:
            continue
    return {
        "schema_version": 1,
        "began": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit(Path(__file__).resolve()),
        "hardware": hardware(),
        "versions": packages,
        "core": arguments.core,
        "load_before": os.getloadavg()[0],
        "quick": arguments.quick,
        "rounds": arguments.rounds,
        "seconds_of_a_turn": arguments.seconds,
    }


def parse(description: str | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds, under ten minutes in all")
    parser.add_argument("--json", action="store_true", help="print the rows as one JSON list instead of a table")
    parser.add_argument(
        "--works", default="", help="algorithms, separated by commas; those on vectors without a memory if not given"
    )
    parser.add_argument("--rounds", type=int, help=f"turns of each side (default {FULL[0]}, quick {QUICK[0]})")
    parser.add_argument(
        "--seconds", type=float, help=f"minimum seconds of a turn (default {FULL[1]:g}, quick {QUICK[1]:g})"
    )
    parser.add_argument("--core", type=int, help="the core to measure on (default: the last one that may be used)")
    parser.add_argument("--out", type=Path, default=rounds.ROOT / "build" / "speed", help="folder of the results")
    arguments = parser.parse_args()
    rounds_given, seconds_given = QUICK if arguments.quick else FULL
    arguments.rounds = arguments.rounds or rounds_given
    arguments.seconds = arguments.seconds or seconds_given
    requested = [name for name in arguments.works.split(",") if name]
    known = [work.title for work in (*WORKS, *BY_NAME_ALONE)]
    if unknown := [name for name in requested if name not in known]:
        parser.error(f"no work called {', '.join(unknown)}: there are {', '.join(known)}")
    arguments.chosen = (
        [work for work in (*WORKS, *BY_NAME_ALONE) if work.title in requested] if requested else list(WORKS)
    )
    allowed = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    if arguments.core is not None and arguments.core not in allowed:
        parser.error(f"core {arguments.core} may not be used: there are {allowed or 'none to pin to on this system'}")
    arguments.core = arguments.core if arguments.core is not None or not allowed else allowed[-1]
    arguments.spare = allowed[-4:]  # more at a time would need too much memory
    return arguments


def main(description: str | None) -> int:
    """Measure, store, print. Returns: 1 if a side failed, else 0."""
    arguments, began = parse(description), time.perf_counter()
    document: dict[str, Any] = {**circumstances(arguments), "works": []}
    for index, work in enumerate(arguments.chosen):
        left = QUICK_LIMIT - (time.perf_counter() - began) if arguments.quick else float("inf")
        # Time that one work does not use goes to the others; a work may use 1.5 times its share.
        document["works"].append(measure(work, arguments, min(left, 1.5 * left / (len(arguments.chosen) - index))))
    document["seconds"] = time.perf_counter() - began
    document["rows"] = rows = [row for work in document["works"] for row in work.pop("rows")]
    stem = store(document, arguments.out)
    print(json.dumps(rows, indent=1) if arguments.json else table.terminal(rows))
    shared = min((work["busy"] for work in document["works"]), default=1.0)
    if shared < 0.97:
        say(f"the core was shared: a side had {shared:.0%} of it; these are no figures to publish")
    say(f"{document['seconds']:.0f} s; results in {stem}.{{json,md,svg}}")
    return 1 if any(work["failed"] for work in document["works"]) else 0


def store(document: dict[str, Any], folder: Path) -> Path:
    """Write the JSON document, the table and the figure. Returns: their common path without an ending."""
    folder.mkdir(parents=True, exist_ok=True)
    stamp = document["began"][:19].replace(":", "")
    stem = folder / f"{stamp}-{(document['commit'] or 'unknown')[:9]}"
    stem.with_suffix(".json").write_text(json.dumps(document, indent=1) + "\n")
    if document["rows"]:
        stem.with_suffix(".md").write_text(table.markdown(document["rows"]))
        draw(document["rows"], stem.with_suffix(".svg"))
    return stem
