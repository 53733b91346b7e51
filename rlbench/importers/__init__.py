"""Results made elsewhere, read from files: CSV, Monitor files and evaluations of Stable-Baselines3, TensorBoard's events."""

from rlbench.importers.discovery import Reading, read_sources
from rlbench.importers.imported_records import ForeignError, Skipped, Told

__all__ = ["ForeignError", "Reading", "Skipped", "Told", "read_sources"]
