"""Finding, describing and loading plugins, one entry point at a time; a broken one is a value, not a crash."""

from rlbench.plugins.entry_points import Plugin, Plugins, load_plugins
from rlbench.plugins.resolution import Resolved, resolve
from rlbench.plugins.survey import Offer, survey, survives

__all__ = ["Offer", "Plugin", "Plugins", "Resolved", "load_plugins", "resolve", "survey", "survives"]
