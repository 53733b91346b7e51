"""From results to what a person reads: the table of scores, and the page with its figures.

`rlbench.reports.page` is imported for itself: it draws, which takes matplotlib and seaborn.
"""

import contextlib
import os
import sys
from pathlib import Path

from rlbench.reports.score_table import Cell, score_cells

__all__ = ["Cell", "score_cells"]

if "matplotlib" not in sys.modules and os.path.lexists("matplotlibrc"):
    with contextlib.chdir(Path(__file__).parent):  # it would obey this file, in a folder that may be anybody's
        import matplotlib  # noqa: F401
