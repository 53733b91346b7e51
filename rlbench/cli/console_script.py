"""The console script `rlbench`. It imports nothing before it can handle Ctrl-C: imports take most of a second."""

import sys


def main() -> None:
    """Run the command line. If Ctrl-C comes while modules are being imported, end quietly with exit code 130."""
    try:
        from rlbench.cli.main import main as run_command_line

        run_command_line()
    except KeyboardInterrupt:
        sys.exit(130)
