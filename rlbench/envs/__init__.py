"""Environments and the boundary where steps are counted: the backends, the meter, and the two ways to drive it."""
