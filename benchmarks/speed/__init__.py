"""How fast our algorithms are against their peers and against what the machine allows; the command is `run.py`."""
