"""Results on disk: where a run's files lie, how they are written so that a crash loses nothing, and reading them back."""

from rlbench.results.jsonl_records import JsonlSink
from rlbench.results.provenance import changes, code_identity, commit, hardware, numerics
from rlbench.results.publication import publish
from rlbench.results.stack_independence import independence
from rlbench.results.store import RunState, Store

__all__ = [
    "JsonlSink",
    "RunState",
    "Store",
    "changes",
    "code_identity",
    "commit",
    "hardware",
    "independence",
    "numerics",
    "publish",
]
