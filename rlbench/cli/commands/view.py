"""`rlbench view`: a result folder as a page in the browser, renewed while the suite runs."""

from __future__ import annotations

import os
import sys
import webbrowser
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rlbench.cli.common_options import folder_argument
from rlbench.cli.text_table import write_error, write_out
from rlbench.cli.user_paths import short_path

if TYPE_CHECKING:
    from rlbench.viewer.page_server import PageServer

DEFAULT_PORT = 8723


@click.command()
@folder_argument
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    metavar="N",
    help=f"Port on 127.0.0.1; 0 means any free port. Default: {DEFAULT_PORT}, or any free port if that is taken.",
)
@click.option("--no-browser", is_flag=True, help="Print the address only. Without a display, no browser is opened.")
def view(directory: Path, port: int | None, no_browser: bool) -> int:
    """Show the report on DIRECTORY in the browser, with progress and learning curves while the suite runs.

    DIRECTORY is a result folder, or the name of one under results/; default: the newest results. The page is served on
    this machine only, and renews itself. Nothing is written to DIRECTORY. rlbench reads DIRECTORY only while a page is
    open. While a suite runs, the command spends at most a tenth of its time on drawing the report. Ctrl-C ends the
    command.
    """
    from rlbench.results import Store
    from rlbench.viewer.event_stream import EventStream
    from rlbench.viewer.folder_watch import FolderWatch
    from rlbench.viewer.page_server import PageServer

    directory = directory.resolve()
    name = str(Store(directory, caches=False).suite()["suite"]["name"])  # a folder without results fails here
    stream = EventStream()
    watch = FolderWatch(directory, stream)
    try:
        server = _open_server(lambda number: PageServer(watch, stream, name, number), port)
        watch.start()
        write_out(f"{server.url}\n")
        write_error(f"showing {short_path(directory)}; Ctrl-C ends it")
        if not no_browser and _has_display():
            webbrowser.open(server.url)
        with server:
            server.serve_forever()
    finally:
        watch.close()
    return 0


def _open_server(make: Callable[[int], PageServer], port: int | None) -> PageServer:
    """Return the server on this port. None: use the default port, or any free port if it is taken.

    Raises: click.UsageError if a given port is taken.
    """
    try:
        return make(DEFAULT_PORT if port is None else port)
    except OSError as error:
        if port is None:
            return make(0)
        raise click.UsageError(
            f"--port {port}: {error.strerror}; choose another port, or 0 for any free port"
        ) from error


def _has_display() -> bool:
    """Return whether a browser with windows can be opened; others would take over the terminal."""
    return sys.platform == "darwin" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
