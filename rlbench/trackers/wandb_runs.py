"""W&B runs, one for each seed. They need the package wandb (extra `wandb`).

Runs are written to the folder and sent nowhere, unless the user sets WANDB_MODE. wandb's error reporting is off unless
the user sets WANDB_ERROR_REPORTING, and wandb collects neither code nor git nor facts of the machine.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from rlbench.api import Run, slug
from rlbench.trackers.scalar_tags import STEP, Scalars

os.environ.setdefault("WANDB_ERROR_REPORTING", "false")  # wandb reads it when it is imported
_IS_THE_USERS = "wandb" in sys.modules  # a notebook may have runs of its own

try:
    import wandb
except ModuleNotFoundError as error:
    raise ModuleNotFoundError('wandb is not installed: pip install "rlbench[wandb]"', name="wandb") from error

_NOTHING_COLLECTED = {
    "console": "off",
    "silent": True,  # its messages would mix with the progress
    "host": "",
    "program": "",
    "program_relpath": "",
    "save_code": False,
    "disable_code": True,
    "disable_git": True,
    "disable_job_creation": True,
    "x_disable_meta": True,
    "x_disable_stats": True,
    "x_disable_machine_info": True,
    "x_save_requirements": False,
}


class WandbRun:
    """One run in `folder`/wandb, grouped by its algorithm. The abscissa is the environment steps, `global_step`.

    project: any name; the environment variable WANDB_PROJECT overrides it.
    """

    def __init__(self, folder: Path, project: str, run: Run) -> None:
        algorithm, task = run.label or run.algorithm, run.task.name
        mode: Any = os.environ.get("WANDB_MODE") or "offline"
        self._run = wandb.init(
            project=os.environ.get("WANDB_PROJECT") or slug(project, 100),
            dir=str(folder),
            mode=mode,
            name=f"{algorithm} {task} seed {run.seed}",
            group=algorithm,
            job_type=task,
            tags=[tag for tag in (algorithm, task) if len(tag) <= 64],  # W&B allows no longer tag
            config={
                **run.config,
                "algorithm": algorithm,
                "algorithm_id": run.algorithm,
                "task": task,
                "steps": run.task.steps,
                "seed": run.seed,
                "run_key": run.key,
            },
            reinit="create_new",  # seeds train together, and wandb's global run would be one of them
            settings=wandb.Settings(**_NOTHING_COLLECTED),
        )
        self._run.define_metric(STEP, hidden=True)
        self._run.define_metric("*", step_metric=STEP)

    def write(self, scalars: Scalars) -> None:
        self._run.log({**scalars.values, STEP: scalars.step})

    def flush(self) -> None:
        """Do nothing: wandb's service writes by itself."""

    def close(self) -> None:
        self._run.finish()


def end_service() -> None:
    """End wandb's service process, unless the user had imported wandb before."""
    if not _IS_THE_USERS:
        wandb.teardown()
