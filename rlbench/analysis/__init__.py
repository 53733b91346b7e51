"""Analysis of results: scores by algorithm and task, normalised between anchors, and comparisons of algorithms."""

from rlbench.lazy_names import lazy_names

__getattr__, __dir__, __all__ = lazy_names(__name__, __file__)
