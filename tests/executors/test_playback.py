"""Playing a published policy: an environment that fails is named, and none of its episodes are shown."""

from contextlib import nullcontext
from types import SimpleNamespace

import numpy as np
import pytest

from rlbench.api import Diverged, Task
from rlbench.envs.gymnasium_backend import GymnasiumBatch, reference_backend
from rlbench.reevaluation import playback_worker
from rlbench.runtime.evaluation import evaluation_seeds
from rlbench.seeding import SeedStreams
from rlbench.testing.fakes import SHAPES

REQUEST = {"policy_file": "p", "sha256": "", "lanes": 1, "policy": "greedy", "step": 9, "episodes": 1}


@pytest.mark.parametrize(("bad_after", "method"), [(0, "reset"), (1, "step")])
@pytest.mark.parametrize("filmed", [False, True])
def test_an_environment_that_fails_is_named(monkeypatch, bad_after, method, filmed):
    kwargs = {"bad_seeds": [evaluation_seeds("final", "training")[0]], "bad_after": bad_after, "end": 0.0}
    bad, good = Task(SHAPES, 9, kwargs=kwargs), Task(SHAPES, 9)
    loaded = SimpleNamespace(
        group=SimpleNamespace(task=good if filmed else bad),
        live=SimpleNamespace(streams=SeedStreams([0])),
        backend=reference_backend(),
        policy=lambda mode: lambda obs, start: np.zeros(obs.shape[:2], np.int64),
        made_by=dict,
    )
    monkeypatch.setattr(playback_worker, "load_group", lambda *_: loaded)
    monkeypatch.setattr(playback_worker, "Video", lambda *_: nullcontext(GymnasiumBatch(bad, 1)))
    film = {"video": {"path": "v.mp4", "episodes": 1}} if filmed else {}
    with pytest.raises(Diverged, match=f"^p: its {method} gave"):
        playback_worker.play(REQUEST | film)
