"""What a result folder has published: to compare an interrupted run with an uninterrupted one."""

import json
from pathlib import Path

import pandas as pd
from safetensors.numpy import load_file


def results(folder: Path) -> list[dict]:
    """Return the result.json of each published run."""
    return [json.loads(path.read_text()) for path in sorted((folder / "runs").glob("*/result.json"))]


def published(folder: Path) -> dict[str, object]:
    """Return the records (but times) and the weights of every published run."""
    found: dict[str, object] = {}
    for run_folder in sorted(path.parent for path in (folder / "runs").glob("*/result.json")):
        for table in ("episodes", "evaluations", "metrics"):
            frame = pd.read_parquet(run_folder / f"{table}.parquet").drop(columns="wall_seconds", errors="ignore")
            found[f"{run_folder.name}/{table}"] = frame.to_json()
        policy = run_folder / "policy.safetensors"  # random has none
        weights = load_file(policy) if policy.exists() else {}
        found[f"{run_folder.name}/weights"] = {k: v.tobytes() for k, v in weights.items()}
    return found
