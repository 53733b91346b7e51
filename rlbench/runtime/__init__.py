"""Running one RunGroup: the interaction, evaluation on a stopped clock, checkpoints."""
