"""Upkeep of result folders and of this machine: what is wrong, mending it, and freeing disk space."""
