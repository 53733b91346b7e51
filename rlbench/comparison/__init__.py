"""From results to a verdict: scores by algorithm and task between fixed anchors, and what they say of two algorithms."""

from rlbench.comparison.scores import (
    FEWEST_FOR_INTERVAL,
    FEWEST_FOR_VERDICT,
    RANDOM,
    Sample,
    Scores,
    keys_of,
    read_scores,
    scores_of,
    seeded,
)
from rlbench.results.anchors import Anchors, anchors_of, read_anchors, shipped_anchors

__all__ = [
    "FEWEST_FOR_INTERVAL",
    "FEWEST_FOR_VERDICT",
    "RANDOM",
    "Anchors",
    "Sample",
    "Scores",
    "anchors_of",
    "keys_of",
    "read_anchors",
    "read_scores",
    "scores_of",
    "seeded",
    "shipped_anchors",
]
