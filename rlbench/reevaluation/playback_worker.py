"""The entry of a process that plays a policy: `python -m rlbench.reevaluation.playback_worker QUESTION.json ANSWER.json PARENT_PID`.

What it prints goes where its starter says; the answer is a file, so that a plugin's prints cannot corrupt it.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import traceback
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load

from rlbench.api import Algorithm, Array, Diverged, PluginError, RlbenchError, StoreError, group_from_dict
from rlbench.plugins import load_plugins
from rlbench.plugins.config_model import configure
from rlbench.process_control import die_with_parent, find_modules_here, leave_here_out
from rlbench.reevaluation.trust import refuse_untrusted
from rlbench.reevaluation.video import Filmed
from rlbench.results import code_identity, numerics
from rlbench.results.code_dependencies import imported
from rlbench.results.file_io import read_bytes
from rlbench.results.provenance import versions
from rlbench.runtime.evaluation import Evaluator
from rlbench.runtime.live_group import LiveGroup
from rlbench.runtime.record_sink import MemorySink
from rlbench.runtime.scheduled_evaluation import FINAL


def play(asked: Mapping[str, Any]) -> dict[str, Any]:
    """Play what the question says; returns the answer, or raises what is to be told instead.

    Raises: StoreError for a damaged file, Diverged for a number that is not finite, PluginError for an algorithm that
    cannot be loaded or cannot take its policy back; anything else comes from the algorithm or its environment.
    """
    where, lanes = asked["policy_file"], asked["lanes"]
    published = _published(Path(where), asked["sha256"])
    group, plugins = group_from_dict(asked["group"]), load_plugins(asked["plugin_files"])
    if not asked["trusted"]:
        refuse_untrusted(group.task, plugins, asked["allowed"])
    spec, backend = plugins.algorithm(group.algorithm), plugins.backend(group.task.backend)
    algorithm = spec.load()
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    live = LiveGroup(group, algorithm, configure(algorithm.Config, group.config, spec.name), backend, MemorySink())
    _load(live.algorithm, published, f"{where}: {spec.name!r}")
    try:
        policy = live.algorithm.policy(asked["policy"])
    except ValueError as error:
        raise PluginError(f"{error}; choose another with --policy") from error
    gc.freeze()
    gc.enable()
    evaluator = Evaluator(backend.make_batch(group.task, lanes), lanes, live.streams)
    played = evaluator.play(policy, FINAL, asked["step"], asked["episodes"])
    evaluator.close()
    if not played.finite.all():
        raise Diverged(f"{where}: the policy met or gave a number that is not finite while it played")
    film = asked.get("video")
    if film:
        with Filmed(group.task, backend.make_env, Path(film["path"])) as filmed:
            again = live.algorithm.policy(asked["policy"])
            Evaluator(filmed, 1, live.streams).play(again, FINAL, asked["step"], film["episodes"])
    how = numerics(group.device, group.compile, asked["stack_size"])
    made_by = {
        "code": code_identity(plugins.find(group.algorithm)),  # files that its parameters name are not opened
        "dependencies": imported(plugins.find(group.algorithm)),
        "numerics": how,
        "versions": versions(),
    }
    return {"returns": played.returns[0].tolist(), "lengths": played.lengths[0].tolist(), "made_by": made_by}


def _published(path: Path, digest: str | None) -> dict[str, Array]:
    """The published policy's arrays, without the seed axis; the bytes that are hashed are those that are loaded."""
    if digest is None:
        return {}
    try:
        content = read_bytes(path)
    except OSError as error:
        raise StoreError(f"{path}: cannot be read: {error.strerror}") from error
    if sha256(content).hexdigest() != digest:
        raise StoreError(f"{path} is not what was published: its sha256 is not the one in result.json")
    arrays: dict[str, Array] = {name: array.copy() for name, array in load(content).items()}
    if not all(np.isfinite(array).all() for array in arrays.values() if array.dtype.kind == "f"):
        raise Diverged(f"{path} holds numbers that are not finite: there is no policy to play")
    return arrays


def _load(algorithm: Algorithm, published: Mapping[str, Array], where: str) -> None:
    """Give the policy back, and see that it was taken: the algorithm must give the same bits again."""
    try:
        if published:
            algorithm.load_final_state({name: array[None] for name, array in published.items()})  # S = 1
        held = {name: np.asarray(array)[0] for name, array in algorithm.final_state().items()}
    except Exception as error:
        text = f"{type(error).__name__}: {error}"
        raise PluginError(f"{where} cannot take its published policy back (load_final_state): {text}") from error
    if held and not published:
        raise StoreError(f"{where} has no published policy, although it keeps {', '.join(sorted(held)[:3])}")
    if _bits(held) != _bits(published):
        raise PluginError(f"{where} did not take its published policy back: it needs load_final_state")


def _bits(arrays: Mapping[str, Array]) -> dict[str, Any]:
    return {name: (array.dtype, array.shape, array.tobytes()) for name, array in arrays.items()}


def _main(question: str, answer: str, parent: str) -> None:
    die_with_parent(int(parent))
    gc.disable()  # see rlbench.executors.worker_main
    asked = json.loads(Path(question).read_text())
    if asked["trusted"] or asked["allowed"] or asked["plugin_files"]:
        find_modules_here()
    else:
        leave_here_out()
    try:
        found = play(asked)
    except RlbenchError as error:
        kinds = (StoreError, PluginError, Diverged, RlbenchError)  # the first that it is
        found = {"kind": next(k.__name__ for k in kinds if isinstance(error, k)), "error": str(error)}
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a plugin may raise anything
        frame = traceback.extract_tb(error.__traceback__)[-1]
        text = f"{type(error).__name__}: {error} ({Path(frame.filename).name}:{frame.lineno})"
        found = {"kind": "PluginError", "error": f"{asked['policy_file']} cannot be played: {text}"}
    Path(answer).write_text(json.dumps(found))


if __name__ == "__main__":
    _main(*sys.argv[1:])
