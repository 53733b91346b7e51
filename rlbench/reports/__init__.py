"""From results to what a person reads: the table of scores; curves and pages come beside it."""

from rlbench.reports.scores import Cell, score_cells

__all__ = ["Cell", "score_cells"]
