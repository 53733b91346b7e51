"""One module for each command of `rlbench`."""
