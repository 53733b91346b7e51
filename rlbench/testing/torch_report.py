"""The process that reports torch's properties on this machine: `python -m rlbench.testing.torch_report ANSWER`.

It has the settings of a worker and writes a JSON object to the file ANSWER. Its keys are torch, cpu_capability and
threads, as in a result.json; kernels (how many were tried), stack_independence and kernels_that_differ; cuda (name and
memory in bytes of each device), cuda_problem (why there is no device, or "") and mps.
"""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path
from typing import Any

import torch

from rlbench.api import Device
from rlbench.kit import MLP, gradient_of
from rlbench.kit.kernel_choice import operations
from rlbench.kit.optimizers import Adam
from rlbench.plugins.subprocess_query import begin_child
from rlbench.results import independence, numerics
from rlbench.seeding import SeedStreams

SEEDS = 5
# Networks and batches of the shipped algorithms, for small and larger observations.
NETWORKS = (((4, 64, 64, 2), 64), ((17, 256, 256, 6), 256))


def compute() -> None:
    """Act and update once with each network, so that its kernels are recorded."""
    streams = SeedStreams(range(SEEDS))
    for dims, batch in NETWORKS:
        network = MLP(dims, "tanh")
        params = network.init(streams, "network")
        observations = torch.linspace(-1, 1, SEEDS * batch * dims[0]).view(SEEDS, batch, dims[0])
        network(params, observations[:, :1])
        update = gradient_of(lambda p, x, network=network: network(p, x).square().mean((1, 2)), Device("cpu"), 0.5)
        Adam([params], 1e-3).apply([params], update([params], observations), torch.ones(SEEDS, dtype=torch.bool))


def accelerators() -> dict[str, Any]:
    """Return the accelerators that torch finds, as the report's keys cuda, cuda_problem and mps."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = torch.cuda.device_count() if torch.cuda.is_available() else 0
    properties = [torch.cuda.get_device_properties(i) for i in range(found)]
    return {
        "cuda": [[each.name, each.total_memory] for each in properties],
        "cuda_problem": str(caught[-1].message).splitlines()[0] if caught and not found else "",
        "mps": bool(torch.backends.mps.is_available()),
    }


def main(answer: str) -> None:
    compute()
    settings = numerics("cpu", False, SEEDS)
    report = {name: settings[name] for name in ("torch", "cpu_capability", "threads")}
    report |= independence(settings, True, True) | {"kernels": len(operations())} | accelerators()
    Path(answer).write_text(json.dumps(report), "utf-8")


if __name__ == "__main__":
    begin_child()
    main(*sys.argv[1:])
