"""Results made elsewhere, read from files: CSV, Monitor files of Stable-Baselines3 and Gymnasium, TensorBoard's events."""

from rlbench.results.foreign.reading import read_sources
from rlbench.results.foreign.told import ForeignError, Told

__all__ = ["ForeignError", "Told", "read_sources"]
