"""Attempts that training does not need any more: all of their runs are published, with undamaged files."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from rlbench.maintenance.known_runs import known_runs, read_suite
from rlbench.results import Store
from rlbench.results.attempt_files import archived_attempts
from rlbench.results.results_index import read_facts


def finished_attempts(store: Store, archives: bool = False) -> Iterator[Path]:
    """Yield the folders of finished attempts and, if `archives`, the archives of finished ones. Leave out links.

    An attempt of a run with damaged files is not finished: the run may be restored from it, or may resume from it.
    """
    runs = known_runs(store, read_suite(store)[0]).runs
    states = store.states(runs)
    facts = read_facts(store, runs, states)
    whole = {key for key, fact in facts.items() if not fact.damaged}
    for path, description in chain(store.attempts(), archived_attempts(store.root) if archives else ()):
        keys = set(description["keys"].values())
        if keys and keys <= whole and not path.is_symlink():
            yield path
