"""Executors that train on other machines, where a result folder is shared: Slurm and Ray."""
