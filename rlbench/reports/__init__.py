"""From results to what a person reads: the table of scores, and the page with its figures.

`rlbench.reports.page` is imported for itself: it draws, which takes matplotlib and seaborn.
"""

from rlbench.reports.scores import Cell, score_cells

__all__ = ["Cell", "score_cells"]
