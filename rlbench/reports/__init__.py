"""Reports for people: the table of scores, and the page with its figures.

`rlbench.reports.page` is not imported here: it draws, which needs matplotlib and seaborn.
"""

import contextlib
import os
import sys
from pathlib import Path

if "matplotlib" not in sys.modules and os.path.lexists("matplotlibrc"):
    with contextlib.chdir(Path(__file__).parent):  # matplotlib would read this file, which is not trusted
        import matplotlib  # noqa: F401
