"""Importing results of other programs: CSV files, Monitor files and evaluations of Stable-Baselines3, TensorBoard."""

from rlbench.importers.discovery import ReadResult, read_sources
from rlbench.importers.imported_records import ForeignError, ImportedRecords, SkippedSource

__all__ = ["ForeignError", "ImportedRecords", "ReadResult", "SkippedSource", "read_sources"]
