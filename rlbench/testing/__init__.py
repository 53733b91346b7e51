"""For tests of algorithms, ours or a stranger's: playing a group in memory, and environments with known answers."""

from rlbench.testing.playing import Played, play

__all__ = ["Played", "play"]
