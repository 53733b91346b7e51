"""Play a published policy again, as it was played in the final evaluation, and compare with what was recorded then.

With the lanes, the step and the episode seeds of the final evaluation, in a process that computes as a worker does, the
first episodes are the recorded ones, bit for bit.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from rlbench.api import Diverged, PluginError, RlbenchError, Run, RunGroup, StoreError, group_as_dict
from rlbench.executors.worker_process import worker_environment
from rlbench.process_control import module_command
from rlbench.results import RunState, Store
from rlbench.results.file_io import read_json
from rlbench.results.run_table import SCORED, read_table
from rlbench.results.stack_independence import ENTRIES
from rlbench.runtime.evaluation import MAX_LANES
from rlbench.runtime.scheduled_evaluation import FINAL

POLICY = "policy.safetensors"
_ERRORS = {error.__name__: error for error in (StoreError, PluginError, Diverged, RlbenchError)}


class Episodes(NamedTuple):
    """Returns and lengths, in the order of the episode seeds."""

    returns: list[float]
    lengths: list[int]

    def repeat(self, other: Episodes, count: int) -> bool:
        """Whether the first `count` are the other's; returns are compared as bits."""
        bits = [np.array(episodes.returns[:count], np.float64).tobytes() for episodes in (self, other)]
        return bits[0] == bits[1] and self.lengths[:count] == other.lengths[:count]


def reevaluate(
    store: Store,
    run: Run,
    state: RunState,
    episodes: int,
    policy: str,
    plugin_files: Sequence[str] = (),
    video: Path | None = None,
    filmed: int = 1,
    allowed: Sequence[str] | None = (),
) -> Mapping[str, Any]:
    """Play `episodes` fresh episodes with a run's final policy, on the CPU; policy: "greedy" or "sampled".

    allowed: modules that the folder may have imported beside what is installed (rlbench.reevaluation.trust); None: whatever
    the run's task names, where a suite that asks for it was given by hand.
    video: an MP4 file to be made of the first `filmed` of them, which are played once more for it.
    Returns: returns and lengths [episodes]; recorded_episodes: how many of the first ones the final evaluation recorded;
    equal: whether those are the same bit for bit, None where none are; changed: "code.version" and the like that are
    not as recorded, each with what it was and is.
    Raises: StoreError if nothing was published or a file is damaged; PluginError if the algorithm cannot be loaded, or
    cannot take its policy back; Diverged if a number that is not finite is met.
    """
    if state.status not in SCORED:
        raise StoreError(f"{store.folder(run)} has no published policy: the run is {state.status}; finish it first")
    protocol = run.task.evaluation
    before = _recorded(store, run, state) if policy == protocol.policy else Episodes([], [])
    whole, published = len(before.returns), POLICY in state.result["files"]
    lanes = min(MAX_LANES, protocol.final_episodes or episodes)  # as then: a policy's draws depend on how many it sees
    count = max(episodes, lanes, 0 if published else whole)
    question = _question(store, run, state, policy, lanes, count, plugin_files)
    question |= {"trusted": allowed is None, "allowed": list(allowed or ())}
    if video is not None:
        question["video"] = {"path": str(video.resolve()), "episodes": filmed}
    answer = _ask(question)
    played = Episodes(answer["returns"], answer["lengths"])
    if not published and not (whole and played.repeat(before, whole)):
        # That nothing was published is right, as for `random`, where a fresh algorithm plays what was recorded.
        raise StoreError(
            f"{store.folder(run)} has no published policy: {run.algorithm!r} gave none to keep (its final_state is "
            "empty), and as it begins it does not repeat a recorded final evaluation"
        )
    shown = min(episodes, whole)
    equal = played.repeat(before, shown) if shown else None
    first = {"returns": played.returns[:episodes], "lengths": played.lengths[:episodes]}
    return {**first, "recorded_episodes": shown, "equal": equal, "changed": _changed(state.result, answer["made_by"])}


def _question(
    store: Store, run: Run, state: RunState, policy: str, lanes: int, episodes: int, plugin_files: Sequence[str]
) -> dict[str, Any]:
    """What rlbench.reevaluation.playback_worker is asked, as JSON values."""
    group = RunGroup(run.algorithm, run.config, run.task, (run.seed,), seed_space=run.seed_space)
    return {
        "group": group_as_dict(group),
        "policy_file": str(store.folder(run) / POLICY),
        "sha256": state.result["files"].get(POLICY, {}).get("sha256"),
        "step": state.result["steps"],
        "stack_size": state.result.get("stack_size", 1),
        "mkl": state.result.get("numerics", {}).get("mkl"),
        "policy": policy,
        "lanes": lanes,
        "episodes": episodes,
        "plugin_files": list(plugin_files),
    }


def _recorded(store: Store, run: Run, state: RunState) -> Episodes:
    """The final evaluation's episodes; none if there was none."""
    rows = read_table(store.folder(run), "evaluations", state, ["kind", "returns", "lengths"])
    last = rows[rows["kind"] == FINAL].tail(1)
    return Episodes(*(last[name].iloc[0].tolist() if len(last) else [] for name in Episodes._fields))


def _changed(result: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Return what is not as result.json has it, [was, is] by name; of modules those that both have imported."""
    parts = [part for part in now if part != "dependencies"]
    was, is_ = (
        {f"{part}.{name}": v for part in parts for name, v in by.get(part, {}).items() if name not in ENTRIES}
        for by in (result, now)
    )
    names = [name for name in {**was, **is_} if name != "code.named_files"]  # which are not looked at here
    found = {name: [was.get(name), is_.get(name)] for name in names if was.get(name) != is_.get(name)}
    for kind, modules in now.get("dependencies", {}).items():
        before = result.get("dependencies", {}).get(kind, {})
        found |= {name: [before[name], v] for name, v in modules.items() if before.get(name, v) != v}
    return found


def _ask(question: Mapping[str, Any]) -> dict[str, Any]:
    """Have a child play. Raises: what it raised on purpose; PluginError if it ended without an answer."""
    with tempfile.TemporaryDirectory(prefix="rlbench-") as folder:
        asked, answer, log = (Path(folder, name) for name in ("question.json", "answer.json", "log"))
        asked.write_text(json.dumps(question))
        command = module_command("rlbench.reevaluation.playback_worker", str(asked), str(answer), str(os.getpid()))
        environment = worker_environment()
        if question["mkl"] is not None:  # the mode it was trained in, whatever is set here
            environment["MKL_CBWR"] = question["mkl"]
        with open(log, "wb") as out:  # what a plugin prints is nobody's data
            code = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=environment).returncode
        found = read_json(answer)
        if found is None:
            said = log.read_text(errors="replace").strip().splitlines()[-1:] or ["nothing was printed"]
            raise PluginError(f"the process that played {question['policy_file']} ended with code {code}: {said[0]}")
    if "error" in found:
        raise _ERRORS[found["kind"]](found["error"])
    return found
