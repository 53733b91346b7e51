"""`rlbench` called in this process, as its console script would be: quicker than a second interpreter that imports all.

What trains, plays or describes is a child process all the same. For what a process itself does (signals, closed pipes,
what is imported) a test starts one.
"""

import os
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from typing import NamedTuple
from unittest.mock import patch

from rlbench.cli.main import invoke


class Ran(NamedTuple):
    returncode: int
    stdout: str
    stderr: str


def rlbench(*arguments: object, **environment: str) -> Ran:
    """Run a command line, with `environment` beside this process's own."""
    with patch.dict(os.environ, environment), redirect_stdout(StringIO()) as out, redirect_stderr(StringIO()) as err:
        code = invoke([*map(str, arguments)])
    return Ran(code, out.getvalue(), err.getvalue())
