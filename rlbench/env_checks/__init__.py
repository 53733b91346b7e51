"""Checks of environments before anything is trained, each in a child process."""
