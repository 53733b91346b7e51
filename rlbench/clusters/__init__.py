"""Executors that train on other machines, which share the result folder: Slurm and Ray."""
