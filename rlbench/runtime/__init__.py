"""Running one RunGroup: the interaction, evaluation with the training clock paused, checkpoints."""
