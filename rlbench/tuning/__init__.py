"""Fair tuning: settings drawn for each algorithm, their trials, the choice, and its score on fresh seeds."""
