"""The command line: data on stdout, messages on stderr. A command imports heavy packages only when it needs them."""
