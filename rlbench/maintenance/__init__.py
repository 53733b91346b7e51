"""Upkeep of result folders and of this machine: finding and mending problems, freeing disk space, archives, merging."""
