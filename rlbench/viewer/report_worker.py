"""The child process that draws the report: `python -m rlbench.viewer.report_worker FOLDER PARENT` writes it to stdout.

It is a process of its own because drawing keeps the interpreter busy for seconds, and a plugin's section may end the
process. It has a low priority, so that it does not slow training.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from rlbench.api import RlbenchError
from rlbench.process_control import die_with_parent, forbid_local_imports

NICENESS = 10


def main(folder: str, parent: str) -> int:
    die_with_parent(int(parent))
    os.nice(NICENESS)
    forbid_local_imports()
    output = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # stdout is for the page, not for what a section prints
    from rlbench.analysis import Results
    from rlbench.plugins import selected_plugins
    from rlbench.reports.page import as_html, results_page
    from rlbench.results import Store

    page = results_page(Results(Store(Path(folder), caches=False)), selected_plugins())
    with output:
        output.write(as_html(page).encode("utf-8", "replace"))
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(*sys.argv[1:]))
    except RlbenchError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
