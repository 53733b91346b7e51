"""Find, describe and load plugins one entry point at a time. A broken plugin becomes a value, not a crash."""

from rlbench.plugins.entry_points import Plugin, Plugins, load_plugins
from rlbench.plugins.resolution import Resolved, resolve
from rlbench.plugins.survey import Offer, import_failure, selected_plugins, survey

__all__ = [
    "Offer",
    "Plugin",
    "Plugins",
    "Resolved",
    "import_failure",
    "load_plugins",
    "resolve",
    "selected_plugins",
    "survey",
]
