"""Upkeep of result folders and of this machine: what is wrong, mending it, freeing disk space, and archives."""
