"""Import of other programs' results: CSV, TensorBoard, files of Stable-Baselines3, and results of projects."""

from rlbench.importers.discovery import ReadResult, read_sources
from rlbench.importers.imported_records import ForeignError, ImportedRecords, SkippedSource

__all__ = ["ForeignError", "ImportedRecords", "ReadResult", "SkippedSource", "read_sources"]
