"""Runs as experiment trackers store them: TensorBoard's event files and W&B runs, with the same names in both.

The plugins write them while a suite runs (`--log`), and `rlbench export` writes them from a finished folder.
"""
