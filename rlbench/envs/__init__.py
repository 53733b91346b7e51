"""Environments and the boundary where steps are counted: backends, the meter, and the ways to step environments."""
