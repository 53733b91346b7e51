"""What `rlbench new` writes: projects from templates, and a suite to begin with."""
