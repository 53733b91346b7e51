"""Playing a published policy again, in a separate process, with an environment that is trusted."""
