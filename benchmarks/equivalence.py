"""Compare every pair X and sb3/X of a result folder, on each task and over all tasks.

    .venv/bin/python benchmarks/equivalence.py results/vs-sb3 [--lower TASK=SCORE] [--upper TASK=SCORE] [--json]

Scores are normalised by fixed anchors: the lower is the mean of the folder's own `random` runs, or LOWER without such
runs; the upper is a score that counts as solved. Differences are ours minus theirs. Each p is of a two-sample
permutation test; Holm's covers all pairs and tasks. The overall result is "not worse" if the lower bound of the 95 %
interval of the difference of IQMs is above -0.05. Unfinished folders are accepted.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.random import Generator

from rlbench.analysis import FEWEST_FOR_INTERVAL as FEWEST
from rlbench.analysis import FEWEST_FOR_VERDICT as DESCRIPTIVE
from rlbench.analysis import Results
from rlbench.analysis import seeded_generator as by_keys
from rlbench.api import RlbenchError
from rlbench.results.random_policy import is_random
from rlbench.stats import (
    bootstrap_interval,
    cliffs_delta,
    difference,
    holm,
    iqm,
    normalise,
    overall_iqm,
    permutation_test,
    too_few,
)

LOWER = {"CartPole-v1": 22.0, "Pendulum-v1": -1230.0}  # the random policy
UPPER = {"CartPole-v1": 500.0, "Pendulum-v1": -150.0}
MARGIN = 0.05
PEER = "sb3/"


def anchors(runs: pd.DataFrame, lower: Mapping[str, float], upper: Mapping[str, float]) -> dict[str, dict[str, float]]:
    """Return each task's anchors. Raises: ValueError for a task without anchors, or an unknown one."""
    chance = runs[runs["id"].map(is_random)].groupby("environment")["score"].mean().dropna().to_dict()
    low, high = {**LOWER, **chance, **lower}, {**UPPER, **upper}
    tasks = sorted(runs["environment"].unique())
    if unknown := sorted({*lower, *upper} - set(tasks)):
        raise ValueError(f"no task here is called {', '.join(unknown)}: there are {', '.join(tasks)}")
    for task in tasks:
        for name, known in (("lower", low), ("upper", high)):
            if task not in known:
                raise ValueError(f"{task} has no {name} anchor: give --{name} {task}=SCORE")
    return {"lower": {task: float(low[task]) for task in tasks}, "upper": {task: float(high[task]) for task in tasks}}


def cells(runs: pd.DataFrame) -> dict[tuple[str, str], tuple[pd.DataFrame, pd.DataFrame]]:
    """Return the runs of both sides, by the algorithms and tasks that both have."""
    grouped = dict(list(runs.groupby(["algorithm", "environment"], sort=False)))
    return {
        (name, task): (rows, grouped[PEER + name, task])
        for (name, task), rows in grouped.items()
        if (PEER + name, task) in grouped
    }


def scored(rows: pd.DataFrame, lower: float) -> pd.DataFrame:
    """Return the runs with a score. A diverged run counts at most the lower anchor, and that anchor without a score."""
    rows = rows.copy()
    diverged = rows["status"] == "diverged"
    rows.loc[diverged, "score"] = np.fmin(rows.loc[diverged, "score"], lower)
    return rows[rows["score"].notna()]


def missing(rows: pd.DataFrame, valid: pd.DataFrame) -> str:
    """Describe the runs of a side without a score, "" for none."""
    absent = rows[~rows.index.isin(valid.index)]
    counts = ", ".join(f"{count} {status}" for status, count in absent["status"].value_counts().sort_index().items())
    return f"{rows['algorithm'].iloc[0]} on {rows['environment'].iloc[0]}: {counts}" if counts else ""


def seeded_generator(what: str, *sides: pd.DataFrame) -> Generator:
    """Return a generator seeded by the runs, so that the same runs give the same digits."""
    return by_keys([key for side in sides for key in side["key"]], what)


def compare(runs: pd.DataFrame, lower: Mapping[str, float], upper: Mapping[str, float]) -> dict[str, Any]:
    """Return everything that the script prints, as JSON values. runs: the columns of run_table."""
    scale = anchors(runs, lower, upper)
    absent, rows, ours, theirs, used = [], [], {}, {}, []
    for (name, task), sides in cells(runs).items():
        valid = [scored(side, scale["lower"][task]) for side in sides]
        absent += [text for side, kept in zip(sides, valid) if (text := missing(side, kept))]
        if min(map(len, valid)) < FEWEST:
            rows.append({"pair": name, "task": task, "n": [len(v) for v in valid], "note": f"fewer than {FEWEST} runs"})
            continue
        cell = f"{name} on {task}"
        ours[cell], theirs[cell] = (
            normalise({task: kept["score"]}, scale["lower"], scale["upper"])[task] for kept in valid
        )
        used += valid
        rows.append(_row(name, task, valid, ours[cell], theirs[cell]))
    # The family contains every planned pair: a cell without a test yet counts with p = 1.
    adjusted = holm({f"{row['pair']} on {row['task']}": row.get("p", 1.0) for row in rows})
    for row in rows:
        if "p" in row:
            row["p_holm"] = adjusted[f"{row['pair']} on {row['task']}"]
            row["note"] = "; ".join(filter(None, [row["note"], too_few(*row["n"], pairs=len(rows))]))
    return {"anchors": scale, "missing": absent, "cells": rows, "overall": _overall(ours, theirs, used)}


def _row(name: str, task: str, valid: list[pd.DataFrame], ours: np.ndarray, theirs: np.ndarray) -> dict[str, Any]:
    draw = seeded_generator(f"{name} {task}", *valid)
    test = permutation_test([ours], [theirs], draw)
    diverged = [int((kept["status"] == "diverged").sum()) for kept in valid]
    notes = ["descriptive only"] if min(len(ours), len(theirs)) < DESCRIPTIVE else []
    notes += ["{}/{} diverged".format(*diverged)] if any(diverged) else []
    return {
        "pair": name,
        "task": task,
        "n": [len(ours), len(theirs)],
        "iqm_of_scores": [float(iqm(kept["score"].to_numpy())) for kept in valid],
        "ours": asdict(bootstrap_interval([ours], overall_iqm, draw)),
        "theirs": asdict(bootstrap_interval([theirs], overall_iqm, draw)),
        "difference": asdict(difference([ours], [theirs], overall_iqm, draw)),
        "cliffs_delta": cliffs_delta(ours, theirs),
        "p": test.p,
        "smallest_p": test.smallest,
        "diverged": diverged,
        "note": "; ".join(notes),
    }


def _overall(ours: dict[str, Any], theirs: dict[str, Any], used: list[pd.DataFrame]) -> dict[str, Any] | None:
    if not ours:
        return None
    draw = seeded_generator("overall", *used)
    interval = difference(ours, theirs, overall_iqm, draw)
    test = permutation_test(ours, theirs, draw)
    verdict = {"margin": MARGIN, "not_worse": interval.low > -MARGIN, "p": test.p, "smallest_p": test.smallest}
    return {**asdict(interval), **verdict, "cells": list(ours)}


def show(report: Mapping[str, Any]) -> str:
    """Return the report as text."""
    lines = ["Normalised scores: 0 is the lower anchor, 1 the upper. Differences are ours minus theirs; IQM, 95 %."]
    for task, low in report["anchors"]["lower"].items():
        lines.append(f"  {task}: {low:g} to {report['anchors']['upper'][task]:g}")
    lines += ["", f"{'pair':8} {'task':14} {'n':>7}  {'ours':23} {'theirs':23} {'difference':25} {'p':>8} {'Holm':>8}"]
    for row in report["cells"]:
        head = f"{row['pair']:8} {row['task']:14} {'{}/{}'.format(*row['n']):>7}  "
        if "p" in row:
            shown = f"{_shown(row['ours']):23} {_shown(row['theirs']):23} {_shown(row['difference'], '+'):25}"
            head += f"{shown} {row['p']:8.2g} {row['p_holm']:8.2g}  "
        lines.append((head + row["note"]).rstrip())
    overall, planned = report["overall"], len(report["cells"])
    if overall is not None:
        word = "not worse" if overall["not_worse"] else "not shown to be not worse"
        lines += [
            "",
            f"Overall, {len(overall['cells'])} of {planned} cells: {_shown(overall, '+')}, p {overall['p']:.2g}.",
        ]
        lines += [f"The lower bound {overall['low']:+.3f} against -{overall['margin']}: {word}."]
    elif planned:
        lines += ["", f"No cell has {FEWEST} runs on both sides yet."]
    else:
        lines += ["", f"No algorithm X has a partner {PEER}X on the same task."]
    if report["missing"]:
        lines += ["", "Without a score, so this is no final word:", *(f"  {text}" for text in report["missing"])]
    return "\n".join(lines)


def _shown(interval: Mapping[str, float], sign: str = "") -> str:
    return "{:{s}.3f} [{:{s}.3f}, {:{s}.3f}]".format(*(interval[k] for k in ("estimate", "low", "high")), s=sign)


def _anchor(text: str) -> tuple[str, float]:
    task, _, score = text.rpartition("=")
    try:
        return (task or text, float(score))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not TASK=SCORE, as CartPole-v1=22 is") from None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="what `rlbench run suites/vs-sb3.yaml` wrote")
    parser.add_argument("--lower", type=_anchor, action="append", default=[], metavar="TASK=SCORE")
    parser.add_argument("--upper", type=_anchor, action="append", default=[], metavar="TASK=SCORE")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    arguments = parser.parse_args()
    if not (arguments.folder / "suite.json").is_file():
        parser.error(f"{arguments.folder} holds no results: give a folder that `rlbench run` wrote")
    try:
        report = compare(Results(arguments.folder).table, dict(arguments.lower), dict(arguments.upper))
    except (ValueError, RlbenchError) as error:
        parser.error(str(error))
    print(json.dumps(report, indent=1) if arguments.json else show(report))


if __name__ == "__main__":
    main()
