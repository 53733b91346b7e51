"""`rlbench`: the command group, and how errors and signals become exit codes."""

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
from rlbench.process_control import find_modules_here, leave_here_out

EXIT_CODES = """\b
Exit codes: 0 all runs ok · 1 some runs failed, diverged, are damaged or not done, or a
gate failed · 2 usage or suite error · 3 internal error · 4 nothing to run or to compare ·
5 undecided (compare, gate) · 73 a result folder cannot be read or written ·
74 the disk is full · 75 the folder is in use · 130 Ctrl-C · 143 SIGTERM."""


SECTIONS = {
    "Run a suite": (
        (run, "run what is not finished yet, print the table, write the report"),
        (check, "show what would be run, why, and what it would cost"),
        (status, "show how far the runs are; --watch"),
    ),
    "Read results": (
        (table, "print the scores with their intervals"),
        (report, "write the page: verdict, scores, curves, costs; of two folders what differs"),
        (show, "show one run in full"),
        (logs, "print what a run's process said"),
        (evaluate, "play a run's final policy again"),
        (export, "write everything as csv or parquet"),
        (import_results, "bring in results made elsewhere: CSV, Monitor files, TensorBoard"),
    ),
    "Compare": (
        (compare, "hold algorithms or two folders against each other"),
        (power, "say how many seeds a difference would take"),
        (gate, "say whether new results have lost anything; for CI"),
        (check_against, "hold results against published scores"),
    ),
    "Add to it": (
        (new, "make an algorithm, environment, report section or suite to begin from"),
        (test_plugin, "try the rules that algorithms keep on one"),
    ),
    "See what there is": (
        (ls, "list algorithms, environments, suites, executors or report sections"),
        (info, "show an algorithm's hyperparameters"),
        (anchors, "measure what scores cost nothing on a task"),
        (plugins, "show every plugin and what is wrong with it"),
        (schema, "print the JSON schema of suite files, for editors"),
        (completion, "print what a shell needs to complete commands"),
    ),
}

RUNNING = ("run", "check", "new", "test-plugin", "anchors")


class Sectioned(click.Group):
    """Lists its commands by what one wants to do."""

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
    cls=Sectioned,
    epilog=EXIT_CODES,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(rlbench.__version__)
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.option("--no-plugins", is_flag=True, help="Load no installed plugin; files given by --plugin still are.")
def cli(debug: bool, no_plugins: bool) -> None:
    """Which reinforcement-learning algorithm is better, and how sure are we?"""
    if no_plugins:
        os.environ["RLBENCH_PLUGINS"] = ""  # inherited by the processes that train


for section in SECTIONS.values():
    for command, _ in section:
        cli.add_command(command)


class Terminated(KeyboardInterrupt):
    """SIGTERM or SIGHUP, handled as Ctrl-C with another exit code."""


def _terminate(number: int, frame: object) -> None:
    raise Terminated


def main() -> None:
    """The console script."""
    if os.name == "nt":
        sys.exit("rlbench: Windows is not supported: use Linux, macOS or WSL")
    open_streams()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _terminate)
    try:
        find_modules_here() if _runs_what_is_here(sys.argv[1:]) else leave_here_out()
    except FileNotFoundError:
        _say("error: the current folder does not exist any more; change to another and try again")
        sys.exit(2)
    code = invoke(sys.argv[1:])
    _leave(code)


def _runs_what_is_here(arguments: Sequence[str]) -> bool:
    """Whether a command line is one that runs what the current folder has: no other finds modules in it, for whoever reads
    results may stand in a folder that is anybody's.
    """
    command = next((argument for argument in arguments if not argument.startswith("-")), "")
    trusting = any(argument.startswith(("--suite", "--allow", "--plugin")) for argument in arguments)
    return command in RUNNING or (command == "evaluate" and trusting)


def _leave(code: int) -> NoReturn:
    """End, although something that was trained in this process has left threads or children that do not."""
    left = [t.name for t in threading.enumerate() if t is not threading.main_thread() and not t.daemon]
    if "multiprocessing" in sys.modules:
        children = [child for child in sys.modules["multiprocessing"].active_children() if not child.daemon]
        left += [child.name for child in children]
        for child in children:
            child.kill()
    if not left:
        sys.exit(code)
    _say(f"left behind by what was trained here, and ended: {', '.join(left)}")
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush() if stream is not None else None
    os._exit(code)


def _say(text: str) -> None:
    """For people; nothing that a folder or a suite calls itself moves their terminal."""
    click.echo("\n".join(map(plain, text.split("\n"))), err=True)


def invoke(arguments: list[str]) -> int:
    """Run the command line; returns the exit code."""
    debug = "--debug" in arguments
    try:
        return cli.main(arguments, prog_name="rlbench", standalone_mode=False) or 0
    except click.exceptions.Exit as ended:
        return ended.exit_code
    except click.ClickException as error:
        said = io.StringIO()
        error.show(file=said)
        _say(said.getvalue().rstrip("\n"))
        return 2
    except RlbenchError as error:
        if debug:
            raise
        text = str(error)
        _say(text if "error: " in text else f"error: {text}")
        return error.exit_code
    except (KeyboardInterrupt, click.Abort) as stopped:
        return 143 if isinstance(stopped.__cause__ or stopped, Terminated) else 130  # click wraps what it catches
    except Exception as error:
        if debug:
            raise
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            _say(f"error: no room left: {error}; finished runs are safe")
            return 74
        if isinstance(error, PermissionError) and error.filename is not None:
            _say(f"error: {os.fsdecode(error.filename)}: cannot be read or written: {error.strerror}")
            return 73
        _say(f"internal error: {type(error).__name__}: {error}\nrun again with `rlbench --debug …` for the traceback")
        return 3


if __name__ == "__main__":
    main()
