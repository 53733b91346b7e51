"""The contract between the harness and its plugins. It imports only the standard library, numpy and pluggy."""

from rlbench.lazy_names import lazy_names

__getattr__, __dir__, __all__ = lazy_names(__name__, __file__)
