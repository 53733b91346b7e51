"""Environments of several agents, as Gymnasium environments with one observation and one action for all of them."""
