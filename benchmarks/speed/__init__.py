"""Speed of the built-in algorithms compared with other libraries and with the machine's limit; run `run.py`."""
