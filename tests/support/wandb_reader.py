"""W&B's offline files, read by wandb's own inspector: `wandb leet inspect --json`, which is a part of wandb-core."""

import json
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

import pytest

NOT_INSTALLED = 'wandb is not installed: pip install "rlbench[wandb]"'


class WandbFile(NamedTuple):
    """run: the record that begins a run. history: what was logged, in order. metrics: definitions. ended: or not."""

    run: dict[str, Any]
    history: list[dict[str, Any]]
    metrics: list[dict[str, Any]]
    ended: bool

    def scalar(self, tag: str) -> list[tuple[int, float]]:
        return [(row["global_step"], float(row[tag])) for row in self.history if tag in row]

    @property
    def config(self) -> dict[str, Any]:
        return {name: value for name, value in self.run["config"]["update"].items() if name != "_wandb"}


def read(path: Path) -> WandbFile:
    from wandb.util import get_core_path

    command = [get_core_path(), "leet", "inspect", "-no-observability", "-json", "-run-file", str(path.resolve())]
    ran = subprocess.run(command, capture_output=True, text=True)
    if "Usage" in ran.stderr and not ran.stdout:
        pytest.skip("this version of wandb has no inspector of its files")
    assert ran.returncode == 0, ran.stderr
    records = [json.loads(line) for line in ran.stdout.splitlines()]
    kinds = {kind: [record[kind] for record in records if record["type"] == kind] for kind in ("run", "metric", "exit")}
    history = [record["history"]["item"] for record in records if record["type"] == "history"]
    return WandbFile(kinds["run"][0], history, kinds["metric"], bool(kinds["exit"]))


def read_all(folder: Path) -> list[WandbFile]:
    """The runs of a folder in the order of their names."""
    return sorted((read(path) for path in folder.rglob("*.wandb")), key=lambda file: file.run["display_name"])
