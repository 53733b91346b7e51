"""`rlbench view`: a result folder as a page on this machine, renewed while the suite runs. It only reads the folder."""
