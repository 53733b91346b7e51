"""The process that trains the runs of a group again, in a folder of its own (see rlbench.verification.retraining)."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rlbench.api import Event, PluginError, group_from_dict
from rlbench.executors.attempt import Attempt
from rlbench.plugins import load_plugins
from rlbench.reevaluation.playback_process import answer_request
from rlbench.reevaluation.trust import refuse_untrusted, refuse_untrusted_settings
from rlbench.results import Store, hardware
from rlbench.results.file_io import read_json
from rlbench.results.provenance import versions
from rlbench.suites.devices import choose_devices


def train(request: Mapping[str, Any]) -> dict[str, Any]:
    """Train the requested group in the result folder `folder`, up to `last_step` (None: to the end).

    Returns: the attempt's folder, how it ended, and as `made_by` its code, imports, settings, versions and machine.

    Raises: PluginError if the group cannot be trained here, or names something that is not trusted.
    """
    group, plugins = group_from_dict(request["group"]), load_plugins(request["plugin_files"])
    if not request["trusted"]:
        for task in group.task.training_tasks:
            refuse_untrusted(task, plugins, request["allowed"])
        refuse_untrusted_settings(group.algorithm, group.config)
    if plugins.algorithm(group.algorithm).metering != "boundary":  # even if result.json says otherwise
        raise PluginError(f"{group.algorithm!r} reports its own numbers, so nothing is recorded that could be compared")
    if problems := choose_devices((group.device,))[1]:
        raise PluginError(f"the run was trained on {group.device!r}: {problems[0]}")
    store = Store(Path(request["folder"]))
    for run in group.runs:
        store.describe_run(run)  # makes the folder that the run is published in
    folder = store.new_attempt(group, {}, plugins.find(group.algorithm).distribution)
    attempt = Attempt(folder, _ignore, request["plugin_files"], plugins, request["last_step"])
    status = attempt.run()
    made_by = read_json(folder / "made-by.json") or {}
    backend = {"version": plugins.backend(group.task.backend).version()}
    made_by |= {"versions": versions(), "hardware": hardware(), "environment_backend": backend}
    message = (read_json(folder / "exit.json") or {}).get("message", "")
    return {"attempt": folder.name, "status": status, "message": message, "made_by": made_by}


def _ignore(event: Event) -> None:
    """Ignore events: the caller reads the records in the attempt's folder."""


if __name__ == "__main__":
    answer_request(train, *sys.argv[1:])
