"""rlbench: which reinforcement-learning algorithm is better, and how sure are we?

The public names are imported on first use, so `import rlbench` loads neither torch nor pandas.
"""

from rlbench.lazy_names import lazy_names

__version__ = "0.2.0"
__getattr__, __dir__, __all__ = lazy_names(__name__, __file__)
__all__ += ["__version__"]
