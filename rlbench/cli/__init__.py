"""The command line: stdout is data, stderr is talk; heavy imports wait until a command needs them."""
