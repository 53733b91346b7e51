"""The report of the folder, drawn again by a child process when finished runs have changed."""

from __future__ import annotations

import os
import subprocess
import tempfile
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from rlbench.process_control import PRINTING, module_command
from rlbench.viewer.throttle import Throttle

LEAST_SECONDS = 5.0  # between the starts of two reports
TIME_LIMIT_SECONDS = 600.0
_LONGEST_ERROR = 500

OnReport = Callable[[int], None]
OnError = Callable[[str], None]


class ReportRenderer:
    """Draws reports in a thread that waits for requests. It keeps the last report that could be drawn.

    command: the command that writes the page to stdout. on_report: called with the number of each new report. on_error:
    called with the reason if a report cannot be drawn. throttle: limits the share of the time that drawing takes.
    """

    def __init__(
        self, command: Sequence[str], on_report: OnReport, on_error: OnError, throttle: Throttle | None = None
    ) -> None:
        self._command, self._on_report, self._on_error = command, on_report, on_error
        self._throttle = throttle or Throttle(LEAST_SECONDS)
        self._wake = threading.Condition()
        self._wanted = self._drawn = ""
        self._closed = self._hurried = False
        self._process: subprocess.Popen[bytes] | None = None
        self.html = ""
        self.version = 0
        self._thread = threading.Thread(target=self._work, name="report", daemon=True)
        self._thread.start()

    def request(self, fingerprint: str, hurried: bool = False) -> None:
        """Request the report, unless the last attempt to draw it, failed or not, had the same fingerprint.

        hurried: draw it even if earlier reports have taken more than their share of the time.
        """
        with self._wake:
            self._wanted, self._hurried = fingerprint, hurried
            self._wake.notify()

    def close(self) -> None:
        """End the thread, and the child process if one is drawing."""
        with self._wake:
            self._closed = True
            self._wake.notify()
            if self._process is not None:
                self._process.kill()
        self._thread.join()

    def _work(self) -> None:
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self._closed or self._wanted != self._drawn)
                while not self._closed and (seconds := self._throttle.wait(self._hurried)) > 0:
                    self._wake.wait(seconds)
                if self._closed:
                    return
                self._drawn = self._wanted
            self._throttle.begin()
            self._draw()
            self._throttle.end()

    def _draw(self) -> None:
        with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
            try:
                code = self._run(output.fileno(), errors.fileno())
            except OSError as error:
                self._on_error(f"its process cannot be started: {error.strerror}")
                return
            if self._closed:
                return
            output.seek(0)
            errors.seek(0)
            page = output.read().decode("utf-8", "replace")
            if code == 0 and page:
                self.html, self.version = page, self.version + 1
                self._on_report(self.version)
            else:
                self._on_error(_reason(code, errors.read().decode("utf-8", "replace")))

    def _run(self, output: int, errors: int) -> int | None:
        """Return the exit code of the child process; None if it took too long."""
        with self._wake:
            if self._closed:
                return None
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=errors,
                start_new_session=True,
                env={**os.environ, **PRINTING},
            )
        try:
            return self._process.wait(TIME_LIMIT_SECONDS)
        except subprocess.TimeoutExpired:
            return None
        finally:
            with suppress(OSError):
                self._process.kill()
            self._process.wait()


def _reason(code: int | None, errors: str) -> str:
    """Return why a child process wrote no page: the last line of its errors, or how it ended."""
    if code is None:
        return f"drawing it took over {TIME_LIMIT_SECONDS:.0f} s"
    lines = [line for line in errors.splitlines() if line.strip()]
    return lines[-1].removeprefix("error: ")[:_LONGEST_ERROR] if lines else f"its process ended with code {code}"


def worker_command(folder: Path, parent: int) -> list[str]:
    """Return the command of the child process that draws a folder's report. It ends when process `parent` ends."""
    return module_command("rlbench.viewer.report_worker", str(folder), str(parent))
