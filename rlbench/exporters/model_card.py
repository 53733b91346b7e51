"""The model card of one algorithm on one task: metadata that the Hugging Face Hub reads, and text for people."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from ruamel.yaml import YAML

from rlbench.analysis.score_cells import Cell
from rlbench.api import Run, slug
from rlbench.text import console_interval, console_number, escape_markdown, plural


class CardRun(Protocol):
    """The facts about a run that the card shows."""

    @property
    def seed(self) -> int: ...
    @property
    def status(self) -> str: ...
    @property
    def score(self) -> float: ...
    @property
    def returns(self) -> tuple[float, ...]: ...
    @property
    def policy(self) -> str: ...


def model_card(cell: Cell, run: Run, shown: Sequence[CardRun], suite: str) -> str:
    """Return the card. run: one of the runs. shown: all runs.

    suite: the file that trains the runs again, "" if there is none.
    """
    returns = np.concatenate([one.returns for one in shown])
    reward = f"{returns.mean():.2f} +/- {returns.std():.2f}"
    protocol = run.task.evaluation
    label, task = escape_markdown(cell.algorithm), escape_markdown(cell.environment)
    rows = [
        f"| {one.seed} | {one.status} | {console_number(one.score, 2)} | "
        f"{console_number(float(np.std(one.returns)), 2)} | {f'`{one.policy}`' if one.policy else '–'} |"
        for one in shown
    ]
    parts = [
        f"---\n{_metadata(cell, run, reward)}---",
        f"# {label} on {task}",
        f"{plural(len(shown), 'run')} of {escape_markdown(run.algorithm)}, each with its own seed and "
        f"{run.task.steps:,} environment steps. Each final policy played {plural(protocol.final_episodes, 'episode')} "
        f"with {protocol.policy} actions.",
        "\n".join(["| seed | status | mean return | std | policy |", "|--:|---|--:|--:|---|", *rows]),
        f"`mean_reward` is the mean over all these episodes, +/- their standard deviation. {_iqm(cell)}",
    ]
    if any(one.status == "diverged" for one in shown):
        parts.append("A diverged run counts with its score, once for each episode that it should have played.")
    if cell.n > len(shown):
        parts.append(f"Of {cell.n} planned runs, {cell.n - len(shown)} have no score and are not in this folder.")
    policies = "Policies are arrays in the format of safetensors. " if any(one.policy for one in shown) else ""
    parts.append(f"{policies}`results.json` has the hyperparameters and all returns.")
    if suite:
        parts.append(f"To train the same runs again:\n\n```sh\npip install rlbench\nrlbench run {suite}\n```")
    return "\n\n".join(parts) + "\n"


def _iqm(cell: Cell) -> str:
    if cell.iqm is None:
        return ""
    if cell.low is None:
        return f"The IQM over runs is {console_number(cell.iqm, 2)}; there are too few runs for an interval."
    interval = console_interval(cell.low, cell.high, 2)
    return f"The IQM over runs is {console_number(cell.iqm, 2)}, with a 95 % bootstrap interval of {interval}."


def _metadata(cell: Cell, run: Run, reward: str) -> str:
    """Return the card's YAML."""
    environment = run.task.env_id.rpartition(":")[2]
    tags = [environment, "reinforcement-learning", "deep-reinforcement-learning", slug(run.algorithm, 40), "rlbench"]
    result = {
        "task": {"type": "reinforcement-learning", "name": "reinforcement-learning"},
        "dataset": {"name": cell.environment, "type": environment},
        "metrics": [{"type": "mean_reward", "value": reward, "name": "mean_reward", "verified": False}],
    }
    metadata: dict[str, Any] = {
        "library_name": "rlbench",
        "pipeline_tag": "reinforcement-learning",
        "tags": list(dict.fromkeys(tags)),
        "model-index": [{"name": cell.algorithm, "results": [result]}],
    }
    text, yaml = io.StringIO(), YAML(typ="safe")
    yaml.default_flow_style = False
    yaml.allow_unicode = True
    yaml.dump(metadata, text)
    return text.getvalue()
