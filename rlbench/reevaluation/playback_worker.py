"""The process that plays a policy, started as

    python -m rlbench.reevaluation.playback_worker QUESTION.json ANSWER.json PARENT_PID

The answer is a file, so that what a plugin prints cannot corrupt it.
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
from rlbench.plugins.parameter_names import named_as_now
from rlbench.process_control import allow_local_imports, die_with_parent, forbid_local_imports
from rlbench.reevaluation.trust import refuse_untrusted
from rlbench.reevaluation.video import Video
from rlbench.results import code_identity, numerics
from rlbench.results.code_dependencies import imported_code
from rlbench.results.file_io import read_bytes
from rlbench.results.provenance import versions
from rlbench.runtime.evaluation import Evaluator
from rlbench.runtime.live_group import LiveGroup
from rlbench.runtime.record_sink import MemorySink
from rlbench.runtime.scheduled_evaluation import FINAL


def play(request: Mapping[str, Any]) -> dict[str, Any]:
    """Play the requested episodes. Returns: the answer.

    Raises: StoreError for a damaged file; Diverged for a number that is not finite; PluginError for an algorithm that
    cannot be loaded or cannot load its policy; any other exception of the algorithm or its environment.
    """
    where, lanes = request["policy_file"], request["lanes"]
    published = _published(Path(where), request["sha256"])
    group, plugins = group_from_dict(request["group"]), load_plugins(request["plugin_files"])
    if not request["trusted"]:
        refuse_untrusted(group.task, plugins, request["allowed"])
    spec, backend = plugins.algorithm(group.algorithm), plugins.backend(group.task.backend)
    algorithm = spec.load()
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    config = configure(algorithm.Config, named_as_now(group.config, algorithm.Config), spec.name)
    live = LiveGroup(group, algorithm, config, backend, MemorySink())
    _load(live.algorithm, published, f"{where}: {spec.name!r}")
    try:
        policy = live.algorithm.policy(request["policy"])
    except ValueError as error:
        raise PluginError(f"{error}; choose another with --policy") from error
    gc.freeze()
    gc.enable()
    evaluator = Evaluator(backend.make_batch(group.task, lanes), lanes, live.streams)
    played = evaluator.play(policy, FINAL, request["step"], request["episodes"])
    evaluator.close()
    if not played.finite.all():
        raise Diverged(f"{where}: the policy received or returned a number that is not finite")
    video = request.get("video")
    if video:
        with Video(group.task, backend.make_env, Path(video["path"])) as recording:
            fresh_policy = live.algorithm.policy(request["policy"])
            Evaluator(recording, 1, live.streams).play(fresh_policy, FINAL, request["step"], video["episodes"])
    made_by = {
        "code": code_identity(plugins.find(group.algorithm)),  # without the group, so files that it names stay closed
        "dependencies": imported_code(plugins.find(group.algorithm)),
        "numerics": numerics(group.device, group.compile, request["stack_size"]),
        "versions": versions(),
    }
    return {"returns": played.returns[0].tolist(), "lengths": played.lengths[0].tolist(), "made_by": made_by}


def _published(path: Path, digest: str | None) -> dict[str, Array]:
    """Return the published policy's arrays, without the seed axis. The bytes that are loaded are those hashed."""
    if digest is None:
        return {}
    try:
        content = read_bytes(path)
    except OSError as error:
        raise StoreError(f"{path}: cannot be read: {error.strerror}") from error
    if sha256(content).hexdigest() != digest:
        raise StoreError(f"{path} has changed since it was published: its sha256 differs from the one in result.json")
    arrays: dict[str, Array] = {name: array.copy() for name, array in load(content).items()}
    if not all(np.isfinite(array).all() for array in arrays.values() if array.dtype.kind == "f"):
        raise Diverged(f"{path} contains numbers that are not finite: there is no policy to play")
    return arrays


def _load(algorithm: Algorithm, published: Mapping[str, Array], where: str) -> None:
    """Load the policy into the algorithm, and check that the algorithm returns the same bits."""
    try:
        if published:
            algorithm.load_final_state({name: array[None] for name, array in published.items()})  # S = 1
        loaded = {name: np.asarray(array)[0] for name, array in algorithm.final_state().items()}
    except Exception as error:
        text = f"{type(error).__name__}: {error}"
        raise PluginError(f"{where} cannot load its published policy (load_final_state): {text}") from error
    if loaded and not published:
        names = ", ".join(sorted(loaded)[:3])
        raise StoreError(f"{where} has no published policy, although the algorithm publishes one ({names})")
    if _bits(loaded) != _bits(published):
        raise PluginError(f"{where} did not load its published policy: it needs load_final_state")


def _bits(arrays: Mapping[str, Array]) -> dict[str, Any]:
    return {name: (array.dtype, array.shape, array.tobytes()) for name, array in arrays.items()}


def _main(question: str, answer: str, parent: str) -> None:
    die_with_parent(int(parent))
    gc.disable()  # see rlbench.executors.worker_main
    request = json.loads(Path(question).read_text())
    if request["trusted"] or request["allowed"] or request["plugin_files"]:
        allow_local_imports()
    else:
        forbid_local_imports()
    try:
        result = play(request)
    except RlbenchError as error:
        kinds = (StoreError, PluginError, Diverged, RlbenchError)  # subclasses first
        result = {"kind": next(k.__name__ for k in kinds if isinstance(error, k)), "error": str(error)}
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a plugin may raise anything
        frame = traceback.extract_tb(error.__traceback__)[-1]
        text = f"{type(error).__name__}: {error} ({Path(frame.filename).name}:{frame.lineno})"
        result = {"kind": "PluginError", "error": f"{request['policy_file']} cannot be played: {text}"}
    Path(answer).write_text(json.dumps(result))


if __name__ == "__main__":
    _main(*sys.argv[1:])
