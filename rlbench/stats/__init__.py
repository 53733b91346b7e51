"""Statistics over runs: vectorised numpy, one explicit generator."""

from rlbench.stats.aggregate import iqm
from rlbench.stats.bootstrap import percentile_interval

__all__ = ["iqm", "percentile_interval"]
