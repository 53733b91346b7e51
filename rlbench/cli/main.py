"""`rlbench`: the command group, and the exit codes of errors and signals."""

from __future__ import annotations

import errno
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
from rlbench.cli.commands.anchors import anchors
from rlbench.cli.commands.catalog import info, ls, plugins
from rlbench.cli.commands.check import check
from rlbench.cli.commands.check_against import check_against
from rlbench.cli.commands.compare import compare
from rlbench.cli.commands.completion import completion
from rlbench.cli.commands.evaluate import evaluate
from rlbench.cli.commands.export import export
from rlbench.cli.commands.gate import gate
from rlbench.cli.commands.import_results import import_results
from rlbench.cli.commands.new import new
from rlbench.cli.commands.power import power
from rlbench.cli.commands.report import report
from rlbench.cli.commands.run import run
from rlbench.cli.commands.schema import schema
from rlbench.cli.commands.show import logs, show
from rlbench.cli.commands.status import status
from rlbench.cli.commands.table import table
from rlbench.cli.commands.test_plugin import test_plugin
from rlbench.cli.standard_streams import open_streams
from rlbench.cli.text_table import plain
from rlbench.process_control import allow_local_imports, forbid_local_imports

EXIT_CODES = """\b
Exit codes: 0 all runs are done · 1 some runs failed, diverged, are damaged or are not
finished, or a gate failed · 2 usage or suite error · 3 internal error · 4 nothing to run or
to compare · 5 undecided (compare, gate) · 73 a result folder cannot be read or written ·
74 the disk is full · 75 another process uses the folder · 130 Ctrl-C · 143 SIGTERM."""


SECTIONS = {
    "Run a suite": (
        (run, "train the unfinished runs, print the table, write the report"),
        (check, "show what would run, why, and what it would cost"),
        (status, "show the progress of the runs; --watch follows it"),
    ),
    "Read results": (
        (table, "print the scores with their intervals"),
        (report, "write the HTML report, or the differences between two folders"),
        (show, "show one run in full"),
        (logs, "print the log of a run's process"),
        (evaluate, "evaluate a run's final policy again"),
        (export, "export all records as CSV or Parquet"),
        (import_results, "import results from CSV, Monitor files or TensorBoard"),
    ),
    "Compare": (
        (compare, "compare algorithms, or two result folders"),
        (power, "estimate how many seeds are needed to show a difference"),
        (gate, "check new results for regressions, for CI"),
        (check_against, "compare results with published scores"),
    ),
    "Extend rlbench": (
        (new, "create an algorithm, environment, report section or suite to start from"),
        (test_plugin, "check an algorithm against the rules"),
    ),
    "Look up": (
        (ls, "list algorithms, environments, suites, executors or report sections"),
        (info, "show an algorithm's hyperparameters"),
        (anchors, "measure the score of trivial policies on a task"),
        (plugins, "list the plugins and their problems"),
        (schema, "print the JSON schema of suite files, for editors"),
        (completion, "print a script for shell completion"),
    ),
}

# These commands run code from the current folder.
RUNNING = ("run", "check", "new", "test-plugin", "anchors")


class SectionedGroup(click.Group):
    """A command group whose help lists the commands by purpose."""

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        known = set()
        for title, entries in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(command.name or "", text) for command, text in entries])
            known |= {command.name for command, _ in entries}
        others = [(name, self.commands[name].get_short_help_str()) for name in self.commands if name not in known]
        if others:
            with formatter.section("From plugins"):
                formatter.write_dl(others)


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


for section in SECTIONS.values():
    for command, _ in section:
        cli.add_command(command)


class TerminationSignal(KeyboardInterrupt):
    """SIGTERM or SIGHUP: handled like Ctrl-C, with a different exit code."""


def _raise_termination(number: int, frame: object) -> None:
    raise TerminationSignal


def main() -> None:
    """Run the console script `rlbench`."""
    if os.name == "nt":
        sys.exit("rlbench: Windows is not supported: use Linux, macOS or WSL")
    open_streams()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _raise_termination)
    try:
        allow_local_imports() if _needs_local_imports(sys.argv[1:]) else forbid_local_imports()
    except FileNotFoundError:
        _print_error("error: the current folder no longer exists; change to another one and try again")
        sys.exit(2)
    code = invoke(sys.argv[1:])
    _exit(code)


def _needs_local_imports(arguments: Sequence[str]) -> bool:
    """Return whether a command line may import modules from the current folder.

    Only commands that run code may. A user who only reads results may be in a folder that belongs to somebody else.
    """
    command = next((argument for argument in arguments if not argument.startswith("-")), "")
    trusting = any(argument.startswith(("--suite", "--allow", "--plugin")) for argument in arguments)
    return command in RUNNING or (command == "evaluate" and trusting)


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
    _print_error(f"stopped threads and processes that training left behind: {', '.join(leftovers)}")
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush() if stream is not None else None
    os._exit(code)


def _print_error(text: str) -> None:
    """Print to stderr without control characters, which a name in a suite or a folder could contain."""
    click.echo("\n".join(map(plain, text.split("\n"))), err=True)


def invoke(arguments: list[str]) -> int:
    """Run the command line. Returns: the exit code."""
    debug = "--debug" in arguments
    try:
        return cli.main(arguments, prog_name="rlbench", standalone_mode=False) or 0
    except click.exceptions.Exit as request:
        return request.exit_code
    except click.ClickException as error:
        message = io.StringIO()
        error.show(file=message)
        _print_error(message.getvalue().rstrip("\n"))
        return 2
    except RlbenchError as error:
        if debug:
            raise
        text = str(error)
        _print_error(text if "error: " in text else f"error: {text}")
        return error.exit_code
    except (KeyboardInterrupt, click.Abort) as interruption:
        cause = interruption.__cause__ or interruption  # click wraps the exception that it catches
        return 143 if isinstance(cause, TerminationSignal) else 130
    except Exception as error:
        if debug:
            raise
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            _print_error(f"error: the disk is full: {error}; finished runs are safe")
            return 74
        if isinstance(error, PermissionError) and error.filename is not None:
            _print_error(f"error: {os.fsdecode(error.filename)}: cannot be read or written: {error.strerror}")
            return 73
        _print_error(
            f"internal error: {type(error).__name__}: {error}\nrun `rlbench --debug …` again to see the traceback"
        )
        return 3


if __name__ == "__main__":
    main()
