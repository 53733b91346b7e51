"""Tools to test algorithms: the rules of `rlbench test-plugin`, training in memory, and environments with known values.

Each name is imported at its first use, so a process that only uses these environments does not import torch.
"""

from rlbench.lazy_names import lazy_names

__getattr__, __dir__, __all__ = lazy_names(__name__, __file__)
