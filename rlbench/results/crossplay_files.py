"""Files of cross-play: for one algorithm on one task, how the agents of each seed play with those of each other seed.

Each pair of algorithm and task has a file of its own in the result folder's crossplay/. The file identifies the
policies that were played, so that it is not used for other policies.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rlbench.api import LARGEST_RETURN, Run, StoreError, slug
from rlbench.results.file_io import make_folder, parse_json, refuse_outside, unwritable, why_unreadable, write_json
from rlbench.results.json_shapes import ShapeError, check_object
from rlbench.results.run_states import RunState

FOLDER = "crossplay"
SCHEMA_VERSION = 1
_POLICY = "policy.safetensors"
_MOST_BYTES = 16 << 20


@dataclass(frozen=True)
class CrossPlay:
    """Cross-play of one algorithm on one task: who played, and the mean team return of each pair of seeds.

    runs: for each seed, the run's key and the sha256 of its policy ("" if it published no policy). agents: their names
    in order. The first `first` agents act with the policy of the row's seed, the others with the policy of the column's
    seed. matrix: [S, S]; the diagonal is self-play. policy: "greedy" or "sampled". repeats: whether self-play repeated
    the episodes of the recorded final evaluations bit for bit; None if no episode could be compared. made_by: code,
    numerical settings and versions.
    """

    algorithm: str
    environment: str
    seeds: tuple[int, ...]
    runs: tuple[tuple[str, str], ...]
    agents: tuple[str, ...]
    first: int
    episodes: int
    policy: str
    matrix: NDArray[np.float64]
    repeats: bool | None
    made_by: Mapping[str, Any]


def played_runs(runs: Sequence[Run], states: Mapping[str, RunState]) -> tuple[tuple[str, str], ...]:
    """Return what identifies the policy of each published run: the run's key and the sha256 of its policy."""
    files = [(str(run.key), states[str(run.key)].result["files"]) for run in runs]
    return tuple((key, str(entries.get(_POLICY, {}).get("sha256", ""))) for key, entries in files)


def crossplay_path(root: Path, algorithm: str, environment: str) -> Path:
    """Return the path of the file for an algorithm (its label) and a task in the result folder `root`."""
    digest = hashlib.sha256(json.dumps([algorithm, environment]).encode()).hexdigest()[:8]
    return root / FOLDER / f"{slug(algorithm, 24)}--{slug(environment, 28)}--{digest}.json"


def write_crossplay(root: Path, played: CrossPlay) -> Path:
    """Write the file of a cross-play, or replace it. Returns: its path. Raises: StoreError if it cannot be written."""
    path = crossplay_path(root, played.algorithm, played.environment)
    refuse_outside(root, path.parent)
    make_folder(path.parent)
    document = {
        "schema_version": SCHEMA_VERSION,
        "algorithm": played.algorithm,
        "environment": played.environment,
        "runs": [{"seed": seed, "key": key, "policy": sha} for seed, (key, sha) in zip(played.seeds, played.runs)],
        "agents": list(played.agents),
        "first": played.first,
        "episodes": played.episodes,
        "policy": played.policy,
        "matrix": played.matrix.tolist(),
        "repeats": played.repeats,
        "made_by": dict(played.made_by),
    }
    try:
        write_json(path, document)
    except OSError as error:
        raise unwritable(path, error) from error
    return path


def read_crossplay(root: Path, algorithm: str, environment: str) -> CrossPlay | None:
    """Return the stored cross-play of an algorithm on a task; None if there is no file.

    Raises: StoreError if the file was not written by `write_crossplay`, or belongs to another algorithm or task.
    """
    path = crossplay_path(root, algorithm, environment)
    try:
        played = _checked(parse_json(path, _MOST_BYTES))
        if (played.algorithm, played.environment) != (algorithm, environment):
            raise ShapeError("it belongs to another algorithm or task")
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        advice = "`rlbench crossplay` writes it again"
        raise StoreError(f"{path} cannot be used ({why_unreadable(error)}); {advice}") from error
    return played


def _checked(document: Any) -> CrossPlay:
    """Check a document and return its contents. Raises: ShapeError."""
    kinds = {"schema_version": int, "runs": list, "agents": list, "matrix": list, "made_by": dict}
    kinds |= {"algorithm": str, "environment": str, "policy": str, "first": int, "episodes": int}
    checks = {name: lambda value, kind=kind: type(value) is kind for name, kind in kinds.items()}
    check_object(document, "it", {**checks, "repeats": lambda value: value in (None, True, False)})
    if document["schema_version"] != SCHEMA_VERSION:
        raise ShapeError(f"its schema version is {document['schema_version']}, not {SCHEMA_VERSION}")
    run = {"seed": lambda value: type(value) is int, "key": lambda value: isinstance(value, str)}
    run["policy"] = run["key"]
    runs = [check_object(entry, "a run", run) for entry in document["runs"]]
    agents, first, count = document["agents"], document["first"], len(runs)
    if not (all(isinstance(name, str) for name in agents) and 0 < first < len(agents)):
        raise ShapeError("'agents' in it are not names, or 'first' is not from 1 to one less than their number")
    rows = document["matrix"]
    if count < 2 or len(rows) != count or not all(isinstance(row, list) and len(row) == count for row in rows):
        raise ShapeError("its matrix needs at least two runs, with a row and a column each")
    if not all(_is_return(value) for row in rows for value in row):
        raise ShapeError("its matrix contains something that is not a return")
    if not 0 < document["episodes"] < 1 << 32:
        raise ShapeError("'episodes' in it is not a number of episodes")
    return CrossPlay(
        document["algorithm"],
        document["environment"],
        tuple(entry["seed"] for entry in runs),
        tuple((entry["key"], entry["policy"]) for entry in runs),
        tuple(agents),
        first,
        document["episodes"],
        document["policy"],
        np.array(rows, np.float64),
        document["repeats"],
        document["made_by"],
    )


def _is_return(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value) and abs(value) <= LARGEST_RETURN
