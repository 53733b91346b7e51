"""Headless Chromium, spoken to over a pipe: what it asks for, what it complains of, and where things lie on a page."""

import base64
import json
import os
import shutil
import subprocess
import tempfile
from contextlib import contextmanager

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
OPTIONS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
]


class Browser:
    """One tab. requests: every address asked for; complaints: what the console and the page's errors say."""

    def __init__(self, to, answers, process):
        self._to, self._answers, self._process = to, answers, process
        self._number, self._session = 0, None
        self.requests, self.complaints, self._loaded = [], [], False
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method, **parameters):
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        self._to.write(json.dumps(message).encode() + b"\0")
        self._to.flush()
        while True:
            answer = self._read()
            if answer.get("id") == self._number:
                assert "error" not in answer, (method, answer["error"])
                return answer["result"]

    def _read(self):
        text = bytearray()
        while (byte := self._answers.read(1)) != b"\0":
            assert byte, f"the browser has ended with {self._process.poll()}"
            text += byte
        answer = json.loads(text)
        self._hear(answer.get("method"), answer.get("params", {}))
        return answer

    def _hear(self, method, said):
        if method == "Network.requestWillBeSent":
            self.requests.append(said["request"]["url"])
        elif method == "Runtime.consoleAPICalled":
            self.complaints.append(str(said["args"]))
        elif method == "Runtime.exceptionThrown":
            self.complaints.append(str(said["exceptionDetails"]))
        elif method == "Log.entryAdded":
            self.complaints.append(said["entry"]["text"])
        elif method == "Page.loadEventFired":
            self._loaded = True

    def open(self, path, width, height=900, scheme="light", media=""):
        """Load a file, or an address, in a window so wide, in a light or dark scheme; media: "print" as it is printed."""
        self._loaded = False
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1,
                  mobile=width < 600)  # fmt: skip
        self.call(
            "Emulation.setEmulatedMedia", media=media, features=[{"name": "prefers-color-scheme", "value": scheme}]
        )
        self.call("Page.navigate", url=path if isinstance(path, str) else path.resolve().as_uri())
        self.wait_for_load()

    def wait_for_load(self, again=False):
        """Wait until the page is loaded; again: until it is loaded once more, by itself."""
        self._loaded = self._loaded and not again
        while not self._loaded:
            self._read()

    def ask(self, expression):
        """The value of a JavaScript expression on the page."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def wait(self, expression):
        """Wait until a JavaScript expression on the page is true, looking whenever the page changes."""
        promise = f"""new Promise(resolve => {{
          const look = () => ({expression}) && (observer.disconnect(), resolve(true));
          const observer = new MutationObserver(look);
          observer.observe(document, {{subtree: true, childList: true, attributes: true, characterData: true}});
          look();
        }})"""
        answer = self.call("Runtime.evaluate", expression=promise, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer

    def picture(self, path, whole=False):
        """What is shown, as PNG; whole: all of the page."""
        shown = self.call("Page.captureScreenshot", captureBeyondViewport=whole, **self._clip(whole))
        path.write_bytes(base64.b64decode(shown["data"]))

    def _clip(self, whole):
        if not whole:
            return {}
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        return {"clip": {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}}

    def pdf(self, path):
        path.write_bytes(base64.b64decode(self.call("Page.printToPDF", printBackground=True)["data"]))


@contextmanager
def browser():
    """A Chromium of its own, which ends with the block."""
    to_child, from_child = os.pipe(), os.pipe()

    def wire():  # the child hears on descriptor 3 and answers on 4
        os.dup2(to_child[0], 13), os.dup2(from_child[1], 14)
        os.dup2(13, 3), os.dup2(14, 4)

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        process = subprocess.Popen(
            [CHROMIUM, *OPTIONS, f"--user-data-dir={profile}", "about:blank"],
            preexec_fn=wire, close_fds=False, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(to_child[0]), os.close(from_child[1])
        with os.fdopen(to_child[1], "wb") as to, os.fdopen(from_child[0], "rb", buffering=0) as answers:
            try:
                yield Browser(to, answers, process)
            finally:
                process.terminate()
                process.wait(timeout=30)
