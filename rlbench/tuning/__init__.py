"""Fair tuning: settings drawn for each algorithm, their trials, the choice, and what the choice is worth afterwards."""
