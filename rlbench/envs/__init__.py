"""Environments behind the counting boundary: backends below it, the meter, and the two ways to drive it."""
