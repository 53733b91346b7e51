"""`rlbench`: the command group, and how errors and signals become exit codes."""

from __future__ import annotations

import os
import signal
import sys

import click

import rlbench
from rlbench.api import RlbenchError
from rlbench.cli.check import check
from rlbench.cli.inspect import info, ls, plugins
from rlbench.cli.run import run
from rlbench.cli.show import logs, show
from rlbench.cli.status import status
from rlbench.cli.table import table

EXIT_CODES = """\b
Exit codes: 0 all runs ok · 1 some runs failed or diverged · 2 usage or suite
error · 3 internal error · 4 nothing to run · 73 a result folder cannot be
read or written · 75 it is in use · 130 Ctrl-C · 143 SIGTERM."""


@click.group(epilog=EXIT_CODES, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(rlbench.__version__)
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.pass_context
def cli(context: click.Context, debug: bool) -> None:
    """Which reinforcement-learning algorithm is better, and how sure are we?"""
    context.obj = {"debug": debug}


for command in (run, check, table, status, show, logs, ls, info, plugins):
    cli.add_command(command)


class Terminated(KeyboardInterrupt):
    """SIGTERM or SIGHUP, handled as Ctrl-C with another exit code."""


def _terminate(number: int, frame: object) -> None:
    raise Terminated


def main() -> None:
    """The console script."""
    if os.name == "nt":
        sys.exit("rlbench: Windows is not supported: use Linux, macOS or WSL")
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _terminate)
    if sys.path[0] != "":
        sys.path.insert(0, os.getcwd())  # as `python -m` does, so that `module:MyEnv-v0` is found
    sys.exit(invoke(sys.argv[1:]))


def invoke(arguments: list[str]) -> int:
    """Run the command line; returns the exit code."""
    debug = "--debug" in arguments
    try:
        return cli.main(arguments, prog_name="rlbench", standalone_mode=False) or 0
    except click.exceptions.Exit as ended:
        return ended.exit_code
    except click.ClickException as error:
        error.show()
        return 2
    except RlbenchError as error:
        if debug:
            raise
        text = str(error)
        click.echo(text if "error: " in text else f"error: {text}", err=True)
        return error.exit_code
    except (KeyboardInterrupt, click.Abort) as stopped:
        return 143 if isinstance(stopped.__cause__ or stopped, Terminated) else 130  # click wraps what it catches
    except Exception as error:
        if debug:
            raise
        click.echo(
            f"internal error: {type(error).__name__}: {error}\nrun again with `rlbench --debug …` for the traceback",
            err=True,
        )
        return 3


if __name__ == "__main__":
    main()
