"""Progress of `rlbench run`: plain lines, a live table on a terminal, or JSON events."""
