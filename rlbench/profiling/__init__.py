"""CPU profiles of groups: `sampler` samples call stacks while a group runs, `parts` assigns them to parts of the work.

Without `--profile`, a run measures nothing and imports nothing from here.
"""

from rlbench.profiling.measurement import Measurement, sample_child
from rlbench.profiling.sampler import unavailable

__all__ = ["Measurement", "sample_child", "unavailable"]
