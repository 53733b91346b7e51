"""Results on disk: where the files of a run are, how they are written safely against crashes, and how they are read."""

from rlbench.results.jsonl_records import JsonlSink
from rlbench.results.provenance import changes_since, code_identity, commit, hardware, numerics
from rlbench.results.publication import publish
from rlbench.results.run_states import RunState
from rlbench.results.stack_independence import independence
from rlbench.results.store import Store

__all__ = [
    "JsonlSink",
    "RunState",
    "Store",
    "changes_since",
    "code_identity",
    "commit",
    "hardware",
    "independence",
    "numerics",
    "publish",
]
