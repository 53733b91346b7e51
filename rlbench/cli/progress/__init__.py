"""What `rlbench run` reports while it works: plain lines, a live table on a terminal, or JSON."""
