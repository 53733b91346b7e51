"""The server of the page, on 127.0.0.1 only. It has four addresses: /, /events, /report and /videos/NAME."""

from __future__ import annotations

import json
import os
import socket
import time
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

from rlbench.viewer.event_stream import EventStream, TooManyListeners
from rlbench.viewer.folder_watch import DRAWING, NOTE, PART, REPORT, FolderWatch
from rlbench.viewer.live_page import frame, script_hash
from rlbench.viewer.video_files import FOLDER, open_video, requested_range

ADDRESS = "127.0.0.1"
# The name of another site may resolve to this address (DNS rebinding). Requests of its pages carry that name.
HOSTS = frozenset({"127.0.0.1", "localhost", "[::1]"})
_SECONDS_BETWEEN_SIGNS = 15.0  # between signs of life, which fail if the tab was closed
_CHUNK = 1 << 16
_REUSE = (socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
_NOTHING = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
_STYLED = f"{_NOTHING}; style-src 'unsafe-inline'; img-src data:"


class PageServer(ThreadingHTTPServer):
    """Serves the page of the folder that `watch` reads. port: 0 for any free port. Raises: OSError if it is taken."""

    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True

    def __init__(self, watch: FolderWatch, stream: EventStream, name: str, port: int = 0) -> None:
        self.watch, self.stream, self.name = watch, stream, name
        self.identity = f"{os.getpid()}-{time.time_ns()}"  # the next server at this port may show another folder
        super().__init__((ADDRESS, port), _Handler)

    @property
    def url(self) -> str:
        return f"http://{ADDRESS}:{self.server_port}/"

    def server_bind(self) -> None:
        """Bind without looking up the host's name, which may ask a name server."""
        self.socket.setsockopt(*_REUSE)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = ADDRESS, self.server_address[1]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore a connection that broke off: its tab was closed."""


class _Handler(BaseHTTPRequestHandler):
    server: PageServer
    server_version, sys_version = "rlbench", ""
    timeout = 60  # seconds for a client to send its request, or to receive the answer

    def do_GET(self) -> None:
        if not self._is_own():
            self._refuse(HTTPStatus.FORBIDDEN, "This address serves requests to 127.0.0.1 and localhost only.")
            return
        path = urlsplit(self.path).path
        if path == "/":
            self._send_page()
        elif path == "/report":
            self._send_report()
        elif path == "/events":
            self._send_events()
        elif path.startswith(f"/{FOLDER}/"):
            self._send_video(unquote(path.removeprefix(f"/{FOLDER}/")))
        else:
            self._refuse(HTTPStatus.NOT_FOUND, "There is nothing at this address.")

    def _is_own(self) -> bool:
        hosts = self.headers.get_all("Host", [])
        if len(hosts) != 1 or not self.path.startswith("/"):
            return False
        name, colon, port = hosts[0].rpartition(":")
        return (name if colon and port.isdecimal() else hosts[0]).lower() in HOSTS

    def _send_page(self) -> None:
        values = self.server.stream.values()
        parts = [json.loads(value) for name, value in values.items() if name.startswith(PART)]
        slots = {part["slot"]: part["html"] for part in parts if part["html"]}
        note = json.loads(values.get(NOTE, json.dumps(DRAWING)))
        policy = f"{_STYLED}; script-src {script_hash()}; connect-src 'self'"
        self._send(frame(self.server.name, slots, note, self.server.identity), policy)

    def _send_report(self) -> None:
        html = self.server.watch.renderer.html
        if html:
            self._send(html, _STYLED)
        else:
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, DRAWING)

    def _send_events(self) -> None:
        """Send the present values, and then each change, until the tab or the server is closed."""
        stream = self.server.stream
        try:
            with stream.listening():
                self._begin(HTTPStatus.OK, "text/event-stream", _NOTHING)
                self.wfile.write(f"event: server\ndata: {json.dumps(self.server.identity)}\n\n".encode())
                version = 0
                while not stream.closed:
                    version, changed = stream.changes(version, _SECONDS_BETWEEN_SIGNS)
                    events = [_event(name, value) for name, value in changed.items()]
                    self.wfile.write("".join(events or [":\n\n"]).encode())
                    self.wfile.flush()
        except TooManyListeners:
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, "Too many pages are open.")

    def _send_video(self, name: str) -> None:
        video = open_video(self.server.watch.folder, name)
        if video is None:
            self._refuse(HTTPStatus.NOT_FOUND, "There is no such video.")
            return
        with video:
            size = video.seek(0, 2)
            wanted = requested_range(self.headers.get("Range", ""), size)
            if wanted is None:
                self._refuse(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, f"The video has {size} bytes.")
                return
            status = HTTPStatus.OK if wanted == range(size) else HTTPStatus.PARTIAL_CONTENT
            headers = {"Accept-Ranges": "bytes", "Content-Length": str(len(wanted))}
            if status == HTTPStatus.PARTIAL_CONTENT:
                headers["Content-Range"] = f"bytes {wanted.start}-{wanted.stop - 1}/{size}"
            self._begin(status, "video/mp4", _NOTHING, headers)
            video.seek(wanted.start)
            rest = len(wanted)
            while rest and (chunk := video.read(min(rest, _CHUNK))):
                self.wfile.write(chunk)
                rest -= len(chunk)

    def _refuse(self, status: HTTPStatus, sentence: str) -> None:
        self._send(sentence + "\n", _NOTHING, status, "text/plain")

    def _send(self, text: str, policy: str, status: HTTPStatus = HTTPStatus.OK, kind: str = "text/html") -> None:
        content = text.encode("utf-8", "replace")
        self._begin(status, f"{kind}; charset=utf-8", policy, {"Content-Length": str(len(content))})
        self.wfile.write(content)

    def _begin(self, status: HTTPStatus, kind: str, policy: str, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {
            "Content-Type": kind,
            "Content-Security-Policy": policy,
            "Cache-Control": "no-store",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
            **(headers or {}),
        }.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, format: str, *arguments: Any) -> None:
        """Print nothing: requests are of no interest to whoever looks at the page."""


def _event(name: str, value: str) -> str:
    """Return an event as it is sent. value: JSON, which is one line."""
    kind = REPORT if name == REPORT else NOTE if name == NOTE else PART.strip()
    return f"event: {kind}\ndata: {value}\n\n"
