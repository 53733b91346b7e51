"""Play a published policy again: in a process of its own, with an environment that may be trusted."""
