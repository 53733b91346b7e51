"""Evaluation of published policies again, in a separate process that runs only trusted code."""
