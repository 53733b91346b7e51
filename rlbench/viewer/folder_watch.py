"""The loop that reads the folder while a page is open, and publishes what has changed."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from rlbench.api import StoreError
from rlbench.messages import error_text
from rlbench.viewer.event_stream import EventStream
from rlbench.viewer.live_page import PROGRESS, slots, trouble
from rlbench.viewer.live_state import FolderReader
from rlbench.viewer.report_renderer import ReportRenderer, worker_command
from rlbench.viewer.throttle import Throttle

SECONDS_BETWEEN_LOOKS = 1.0
DRAWING = "The report is being drawn …"
PART, REPORT, NOTE = "part ", "report", "note"  # names in the stream; a slot follows PART


class Renderer(Protocol):
    """An object that draws the report."""

    @property
    def html(self) -> str: ...

    def request(self, fingerprint: str, hurried: bool) -> None: ...

    def close(self) -> None: ...


class FolderWatch:
    """Reads a folder and publishes its state to a stream, as long as the stream has listeners.

    Reading takes at most a tenth of the time. wait: waits for the given seconds between two looks; by default, it
    returns early if the watch is closed. renderer: by default a ReportRenderer.
    """

    def __init__(
        self,
        folder: Path,
        stream: EventStream,
        seconds: float = SECONDS_BETWEEN_LOOKS,
        renderer: Renderer | None = None,
        wait: Callable[[float], object] | None = None,
    ) -> None:
        self.folder, self._stream = folder, stream
        self._reader = FolderReader(folder)
        self._throttle = Throttle(seconds)
        self._stopped = threading.Event()
        self._wait = wait or self._stopped.wait
        self.renderer: Renderer = renderer or ReportRenderer(
            worker_command(folder, os.getpid()), self._show_report, self._show_error
        )
        self._thread = threading.Thread(target=self._work, name="watch", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._stopped.set()
        self._stream.close()
        if self._thread.is_alive():
            self._thread.join()
        self.renderer.close()

    def look(self) -> None:
        """Read the folder once, and publish what has changed. If it cannot be read, the page shows the reason."""
        try:
            state = self._reader.read()
        except StoreError as error:
            self._publish({PROGRESS: trouble(str(error))}, keep=True)
            return
        except Exception as error:  # noqa: BLE001 - a folder that changes while it is read must not end the watch
            self._publish({PROGRESS: trouble(f"The folder cannot be read: {error_text(error)}")}, keep=True)
            return
        self._publish(slots(state, self.folder))
        self.renderer.request(state.report, hurried=not state.in_use)  # drawing then slows no command

    def _publish(self, contents: dict[str, str], keep: bool = False) -> None:
        """Publish slots. keep: keep the page's other slots; if false, they are emptied."""
        shown = {name.removeprefix(PART) for name in self._stream.values() if name.startswith(PART)}
        for slot in shown if not keep else ():
            contents.setdefault(slot, "")
        for slot, html in contents.items():
            self._stream.publish(PART + slot, json.dumps({"slot": slot, "html": html}))

    def _work(self) -> None:
        while self._stream.wait_for_listeners():
            self._throttle.begin()
            self.look()
            self._throttle.end()
            self._wait(self._throttle.wait())

    def _show_report(self, version: int) -> None:
        self._stream.publish(NOTE, json.dumps(""))
        self._stream.publish(REPORT, json.dumps(str(version)))

    def _show_error(self, reason: str) -> None:
        kept = "; the one below is the last that was drawn" if self.renderer.html else ""
        self._stream.publish(NOTE, json.dumps(f"The report could not be drawn{kept}: {reason}"))
