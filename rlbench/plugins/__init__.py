"""Finding, describing and loading plugins, one entry point at a time; a broken one is a value, not a crash."""

from rlbench.plugins.describe import Resolved, resolve
from rlbench.plugins.listing import Offer, survey, survives
from rlbench.plugins.loading import Plugin, Plugins, load_plugins

__all__ = ["Offer", "Plugin", "Plugins", "Resolved", "load_plugins", "resolve", "survey", "survives"]
