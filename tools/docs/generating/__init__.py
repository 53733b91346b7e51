"""The parts that tools/docs/generate.py writes. Each module covers a source; each function returns Markdown."""
