"""Statistics over runs in vectorised numpy. Every function that draws random numbers takes an explicit generator.

Scores are a mapping or a sequence of arrays [n_task], one for each task; run counts may differ. docs/statistics.md
gives the definition, the source and the limits of each statistic.
"""

from rlbench.lazy_names import lazy_names

__getattr__, __dir__, __all__ = lazy_names(__name__, __file__)
