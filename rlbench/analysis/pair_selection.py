"""Selection of the pairs to compare: algorithms within one folder, or the same algorithm in two folders."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from rlbench.analysis.final_scores import Scores
from rlbench.analysis.pairwise import Side
from rlbench.api import NothingToCompare, RlbenchError
from rlbench.messages import nearest

Pairs = list[tuple[Side, Side]]


def pairs_within(scores: Scores, algorithms: Sequence[str] = (), baseline: str | None = None) -> Pairs:
    """Return pairs of algorithms of one folder, in the given order; differences are the first minus the second.

    algorithms: labels. By default all but `random`, or all if every algorithm is `random`. baseline: compare each of
    the other algorithms with this one, instead of comparing all pairs.
    Raises: RlbenchError for an unknown label, or if there are fewer than two algorithms.
    """
    for name in [*algorithms, *([baseline] if baseline is not None else [])]:
        if name not in scores.algorithms:
            labels = ", ".join(scores.algorithms)
            raise RlbenchError(
                f"{scores.name} has no algorithm {name!r}{nearest(name, scores.algorithms) or f': {labels}'}"
            )
    chosen = list(dict.fromkeys(algorithms or scores.learners or scores.algorithms))
    if baseline is not None:
        others = [name for name in chosen if name != baseline]
        label_pairs = [(name, baseline) for name in others]
    else:
        label_pairs = list(combinations(chosen, 2))
    if not label_pairs:
        hint = " (random is only compared if named)" if len(scores.algorithms) > 1 and not algorithms else ""
        if any(sample.task.curriculum for sample in scores.samples.values()):
            hint += "; `rlbench compare --curriculum` compares an algorithm with and without its curriculum"
        raise RlbenchError(
            f"{scores.name}: a comparison needs two algorithms, but it has only {', '.join(scores.algorithms)}{hint}"
        )
    return [(Side(scores, a, a), Side(scores, b, b)) for a, b in label_pairs]


def pairs_between(ours: Scores, theirs: Scores, names: tuple[str, str], algorithms: Sequence[str] = ()) -> Pairs:
    """Return pairs of each algorithm in one folder and the same label in the other.

    `random` is left out unless it is requested or both folders contain nothing else. Comparing `random` shows whether a
    task has stayed the same. names: names of the two folders, as tables show them.
    Raises: RlbenchError for a label that one folder lacks; NothingToCompare if no label is in both.
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
        but = f" but {', '.join(shared)}, which is only compared if named" if shared else ""
        raise NothingToCompare(
            f"no algorithm is in both folders{but}: {names[0]} has {', '.join(ours.algorithms)}, "
            f"{names[1]} {', '.join(theirs.algorithms)}"
        )
    return [(Side(ours, n, f"{n} ({names[0]})"), Side(theirs, n, f"{n} ({names[1]})")) for n in chosen]
