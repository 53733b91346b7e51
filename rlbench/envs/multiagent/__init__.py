"""Multi-agent environments as Gymnasium environments, with one observation and one action for all agents."""
