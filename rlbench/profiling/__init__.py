"""Where a group's processor time goes: stacks sampled while it runs (`sampler`), and whose work each of them was (`parts`).

Nothing is measured, and nothing here is imported by a run, unless it is asked for.
"""

from rlbench.profiling.measurement import Measurement, sample_child
from rlbench.profiling.sampler import unavailable

__all__ = ["Measurement", "sample_child", "unavailable"]
