"""Analysis of results: scores by algorithm and task, normalised between anchors, and comparisons of algorithms."""

from rlbench.analysis.final_scores import (
    FEWEST_FOR_INTERVAL,
    FEWEST_FOR_VERDICT,
    Sample,
    Scores,
    keys_of,
    scores_of,
    seeded_generator,
)
from rlbench.analysis.pair_selection import pairs_between, pairs_within
from rlbench.analysis.pairwise import ALPHA, Comparison, Row, Side, compare
from rlbench.analysis.suite_results import Results
from rlbench.results.score_anchors import Anchors, anchors_of, read_anchors, shipped_anchors

__all__ = [
    "ALPHA",
    "FEWEST_FOR_INTERVAL",
    "FEWEST_FOR_VERDICT",
    "Anchors",
    "Comparison",
    "Results",
    "Row",
    "Sample",
    "Scores",
    "Side",
    "anchors_of",
    "compare",
    "keys_of",
    "pairs_between",
    "pairs_within",
    "read_anchors",
    "scores_of",
    "seeded_generator",
    "shipped_anchors",
]
