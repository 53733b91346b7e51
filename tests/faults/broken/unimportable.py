"""Needs a module that is not there."""

from a_module_that_is_not_there import Agent


class Broken(Agent):
    pass
