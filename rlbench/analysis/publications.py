"""Runs that other projects published: who published them, and with which other runs they can be ranked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rlbench.analysis.final_scores import Sample, Scores
from rlbench.results.published_runs import PUBLISHED


def why_not_ranked(left: Sample, right: Sample) -> str:
    """Return why two samples of a task cannot be ranked, or "" if they can, or if neither of them was published."""
    if not (left.publication or right.publication):
        return ""
    quantities = [sample.publication.get("quantity", "return") for sample in (left, right)]
    if quantities[0] != quantities[1]:
        return f"one has a {quantities[0]} and the other a {quantities[1]}"
    if left.task.steps != right.task.steps:
        return f"the budgets differ, {left.task.steps:,} against {right.task.steps:,} steps"
    return ""


def ranked(samples: Sequence[Sample]) -> set[str]:
    """Return the labels of the samples of one task that can be ranked together.

    Published samples that cannot be ranked with the other samples are left out.
    """
    together = [sample for sample in samples if not sample.publication]
    for sample in samples:
        if sample.publication and not any(why_not_ranked(sample, other) for other in together):
            together.append(sample)
    return {sample.algorithm for sample in together}


def publication_notes(scores: Scores, algorithms: Iterable[str]) -> list[str]:
    """Return a sentence for each project and protocol: which algorithms it published, and what its numbers mean."""
    names: dict[tuple[str, str, str], dict[str, None]] = {}
    for (label, _), sample in scores.samples.items():
        if sample.publication and label in algorithms:
            key = tuple(sample.publication.get(part, "") for part in ("by", "steps", "scores"))
            names.setdefault((key[0], key[1], key[2]), {})[label] = None
    return [
        f"{PUBLISHED} {project}, at its own budgets and protocol: {', '.join(labels)}: "
        + "; ".join(filter(None, [steps, what]))
        for (project, steps, what), labels in names.items()
    ]
