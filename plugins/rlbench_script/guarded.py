"""Run a program that ends together with the process PID: `python -m rlbench_script.guarded PID WORD…`."""

from __future__ import annotations

import os
import sys

from rlbench.process_control import die_with_parent

NOT_FOUND, NOT_STARTED = 127, 126  # as in a shell


def main(parent: str, *words: str) -> None:
    die_with_parent(int(parent))
    try:
        os.execvp(words[0], words)  # the program that replaces this one keeps the setting of `die_with_parent`
    except OSError as error:
        print(f"{words[0]} cannot be started: {error.strerror}", file=sys.stderr)
        sys.exit(NOT_FOUND if isinstance(error, FileNotFoundError) else NOT_STARTED)


if __name__ == "__main__":
    main(*sys.argv[1:])
