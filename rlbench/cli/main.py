"""`rlbench`: the command group, and the exit codes of errors and signals."""

from __future__ import annotations

import errno
import gc
import io
import os
import signal
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import NoReturn

import click

import rlbench
from rlbench.api import RlbenchError
from rlbench.cli.command_group import SectionedGroup
from rlbench.cli.standard_streams import open_streams
from rlbench.cli.text_table import write_error
from rlbench.messages import error_text
from rlbench.process_control import allow_local_imports, forbid_local_imports

EXIT_CODES = """\b
Exit codes: 0 all runs are done · 1 some runs failed, diverged, are damaged or are not
finished, or a check failed (gate, doctor, verify, test-plugin) · 2 usage or suite error · 3 internal
error · 4 nothing to run or to compare · 5 undecided (compare, gate) · 73 a result folder
cannot be read or written · 74 the disk is full or fails · 75 another process uses the folder ·
130 Ctrl-C · 143 SIGTERM."""


# These commands run code from the current folder.
RUNNING = ("run", "check", "tune", "new", "test-plugin", "anchors")
# These commands run such code only with an option that says whose code to trust.
PLAYING = ("evaluate", "crossplay", "verify", "export")


@click.group(
    cls=SectionedGroup,
    epilog=EXIT_CODES,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(rlbench.__version__)
@click.option("--debug", is_flag=True, help="Show the traceback when an error occurs.")
@click.option("--no-plugins", is_flag=True, help="Load no installed plugin, only files given with --plugin.")
def cli(debug: bool, no_plugins: bool) -> None:
    """Which reinforcement-learning algorithm is better, and how sure are we?

    rlbench trains the algorithms of a suite on its environments with several seeds, and compares their scores with
    intervals and tests. A suite is a YAML file: `rlbench ls suites` lists the built-in ones, `rlbench run SUITE` runs
    one, and `rlbench COMMAND --help` explains a command.
    """
    if no_plugins:
        os.environ["RLBENCH_PLUGINS"] = ""  # inherited by the processes that train


class TerminationSignal(KeyboardInterrupt):
    """SIGTERM or SIGHUP: handled like Ctrl-C, with a different exit code."""


def _raise_termination(number: int, frame: object) -> None:
    raise TerminationSignal


def main() -> None:
    """Run the command line of this process, and end the process."""
    if os.name == "nt":
        sys.exit("rlbench: Windows is not supported: use Linux, macOS or WSL")
    open_streams()
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # starting more threads takes a tenth of a short command's time
    gc.set_threshold(100_000, 20, 20)  # imports leave no garbage; looking for it takes a twentieth of a short command
    try:
        allow_local_imports() if _needs_local_imports(sys.argv[1:]) else forbid_local_imports()
    except FileNotFoundError:
        write_error("error: the current folder no longer exists; change to another one and try again")
        sys.exit(2)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _raise_termination)
    code = invoke(sys.argv[1:])
    _exit(code)


def _needs_local_imports(arguments: Sequence[str]) -> bool:
    """Return whether a command line may import modules from the current folder.

    Only commands that run code may import them. A user who only reads results may be in somebody else's folder.
    """
    command = next((argument for argument in arguments if not argument.startswith("-")), "")
    trusting = any(argument.startswith(("--suite", "--allow", "--plugin")) for argument in arguments)
    return command in RUNNING or (command in PLAYING and trusting)


def _exit(code: int) -> NoReturn:
    """Exit, even if training in this process left threads or child processes running."""
    leftovers = [t.name for t in threading.enumerate() if t is not threading.main_thread() and not t.daemon]
    if "multiprocessing" in sys.modules:
        children = [child for child in sys.modules["multiprocessing"].active_children() if not child.daemon]
        leftovers += [child.name for child in children]
        for child in children:
            child.kill()
    if not leftovers:
        sys.exit(code)
    write_error(f"stopped threads and processes that training left behind: {', '.join(leftovers)}")
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush() if stream is not None else None
    os._exit(code)


def invoke(arguments: list[str]) -> int:
    """Run the command line. Returns: the exit code."""
    debug = "--debug" in arguments
    try:
        return cli.main(arguments, prog_name="rlbench", standalone_mode=False) or 0
    except click.exceptions.Exit as request:
        return request.exit_code
    except SystemExit:  # click raises it when the program that reads the help has closed the pipe (`| head`)
        return 0
    except click.ClickException as error:
        message = io.StringIO()
        error.show(file=message)
        write_error(message.getvalue().rstrip("\n"))
        return 2
    except RlbenchError as error:
        if debug:
            raise
        text = str(error)
        write_error(text if "error: " in text else f"error: {text}")
        return error.exit_code
    except (KeyboardInterrupt, click.Abort) as interruption:
        cause = interruption.__cause__ or interruption  # click wraps the exception that it catches
        return 143 if isinstance(cause, TerminationSignal) else 130
    except Exception as error:
        if debug:
            raise
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            write_error(f"error: the disk is full: {error}; finished runs are safe")
            return 74
        if isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE):
            write_error(f"error: {error}; raise the limit on open files, as in `ulimit -n 1024`")
            return 2
        if isinstance(error, OSError) and isinstance(error.filename, (str, bytes)):  # not permitted, gone, too long, …
            write_error(f"error: {os.fsdecode(error.filename)}: cannot be read or written: {error.strerror}")
            return 73
        write_error(f"internal error: {error_text(error)}\nrun `rlbench --debug …` again to see the traceback")
        return 3


if __name__ == "__main__":
    main()
