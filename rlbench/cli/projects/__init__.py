"""Projects from templates and starter suites, which `rlbench new` writes."""
