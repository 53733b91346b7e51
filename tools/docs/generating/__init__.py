"""What tools/docs/generate.py writes: a module for each kind of source, each function a text in Markdown."""
