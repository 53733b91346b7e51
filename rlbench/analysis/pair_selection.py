"""Which pairs a question means: some or all algorithms of one folder, or one and the same in two folders."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from rlbench.analysis.final_scores import Scores
from rlbench.analysis.pairwise import Side
from rlbench.api import NothingToCompare, RlbenchError
from rlbench.messages import nearest

Pairs = list[tuple[Side, Side]]


def pairs_within(scores: Scores, algorithms: Sequence[str] = (), baseline: str | None = None) -> Pairs:
    """Pairs of algorithms of one folder, ours minus theirs in the order given.

    algorithms: labels; without any all but `random`, or all where there is nothing else. baseline: each of the others minus this one, instead of all pairs.
    Raises: RlbenchError for a label that is not there, or where there are no two.
    """
    for name in [*algorithms, *([baseline] if baseline is not None else [])]:
        if name not in scores.algorithms:
            known = ", ".join(scores.algorithms)
            raise RlbenchError(
                f"{scores.name} has no algorithm {name!r}{nearest(name, scores.algorithms) or f': {known}'}"
            )
    chosen = list(dict.fromkeys(algorithms or scores.learners or scores.algorithms))
    if baseline is not None:
        others = [name for name in chosen if name != baseline]
        named = [(name, baseline) for name in others]
    else:
        named = list(combinations(chosen, 2))
    if not named:
        chance = " (random is compared where it is named)" if len(scores.algorithms) > 1 and not algorithms else ""
        raise RlbenchError(
            f"{scores.name}: a comparison takes two algorithms; there are {', '.join(scores.algorithms)}{chance}"
        )
    return [(Side(scores, a, a), Side(scores, b, b)) for a, b in named]


def pairs_between(ours: Scores, theirs: Scores, names: tuple[str, str], algorithms: Sequence[str] = ()) -> Pairs:
    """Each algorithm of one folder minus the same label in the other, `random` left out unless asked for, or where neither
    has anything else: two folders of it say whether a task has stayed the same.

    names: of the folders, as tables show them. Raises: RlbenchError for a label that one lacks, NothingToCompare where none is in both.
    """
    for name in algorithms:
        for scores, folder in ((ours, names[0]), (theirs, names[1])):
            if name not in scores.algorithms:
                raise RlbenchError(f"{folder} has no algorithm {name!r}: it has {', '.join(scores.algorithms)}")
    chosen = list(algorithms) or [name for name in ours.learners if name in theirs.learners]
    shared = [name for name in ours.algorithms if name in theirs.algorithms]
    if not ours.learners and not theirs.learners:
        chosen = chosen or shared
    if not chosen:
        but = f" but {', '.join(shared)}, which is compared where neither has others" if shared else ""
        raise NothingToCompare(
            f"no algorithm is in both{but}: {names[0]} has {', '.join(ours.algorithms)}, "
            f"{names[1]} {', '.join(theirs.algorithms)}"
        )
    return [(Side(ours, n, f"{n} ({names[0]})"), Side(theirs, n, f"{n} ({names[1]})")) for n in chosen]
