"""Regenerate the pictures in docs/images: `python tools/docs/screenshots.py` from the repository root.

Terminal pictures are SVGs of a real terminal in tmux. Headless Chromium draws the report. Needs rlbench, tmux and
chromium; takes about four minutes.
"""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

IMAGES = Path(__file__).parent / "images"
SUITES = Path(__file__).parents[2] / "suites"
COLUMNS, ROWS = 100, 30
THEME = TerminalTheme(
    (250, 250, 250),
    (40, 44, 52),
    [
        (40, 44, 52),
        (196, 26, 22),
        (46, 125, 50),
        (180, 105, 0),
        (25, 90, 170),
        (130, 60, 150),
        (0, 120, 130),
        (90, 94, 102),
    ],
)
# rich's own template loads a font from the network; this one uses local fonts.
FRAME = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}">
<style>
.{unique_id}-matrix {{
  font-family: ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace;
  font-size: {char_height}px; line-height: {line_height}px;
}}
{styles}
</style>
<defs><clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}"/>
</clipPath>{lines}</defs>
<rect width="100%" height="100%" rx="8" fill="#fafafa" stroke="#c8c8c8"/>
<g transform="translate(16, 18)">{backgrounds}<g class="{unique_id}-matrix">{matrix}</g></g>
</svg>
"""
MISTAKES = """\
name: mistaken
algoritms:
  - random
  - dqnn
  - {id: ppo, params: {learning_rate: -1, n_setps: 128}}
environments:
  - {id: CartPole-v1, steps: 50_000}
seeds: five
"""


class Terminal:
    """A shell in tmux, of COLUMNS × ROWS."""

    def __init__(self, folder: Path) -> None:
        self._name = f"rlbench-{os.getpid()}"
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        self._tmux("new-session", "-d", "-s", self._name, "-x", str(COLUMNS), "-y", str(ROWS), "-c", str(folder),
                   f"PATH={path} PS1='$ ' TERM=xterm-256color sh")  # fmt: skip

    @staticmethod
    def _tmux(*arguments: str) -> str:
        return subprocess.run(["tmux", *arguments], check=True, capture_output=True, text=True).stdout

    def type(self, command: str) -> None:
        self._tmux("send-keys", "-t", self._name, "clear", "Enter")
        self.wait(lambda text: text.strip() == "$")
        self._tmux("send-keys", "-t", self._name, command, "Enter")

    def text(self) -> str:
        return self._tmux("capture-pane", "-p", "-t", self._name)

    def wait(self, ready: Callable[[str], bool], seconds: float = 300) -> None:
        """Wait until the screen is ready. Raises: TimeoutError with its text."""
        end = time.monotonic() + seconds
        while not ready(self.text()):
            if time.monotonic() > end:
                raise TimeoutError(self.text())
            time.sleep(0.5)

    def picture(self, path: Path) -> None:
        """Write the terminal's present screen as SVG."""
        screen = self._tmux("capture-pane", "-e", "-p", "-t", self._name).rstrip()
        console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True, color_system="truecolor")
        console.print(Text.from_ansi(screen), no_wrap=True, overflow="ignore", crop=False)
        path.write_text(console.export_svg(title="", theme=THEME, code_format=FRAME, unique_id=path.stem))
        print(path)

    def close(self) -> None:
        self._tmux("kill-session", "-t", self._name)


def page(report: Path, path: Path) -> None:
    """Write the top of the report as PNG."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        print("no chromium: keeping the old picture of the report", file=sys.stderr)
        return
    with tempfile.TemporaryDirectory() as profile:
        subprocess.run(
            [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run",
             "--disable-background-networking", "--disable-component-update", "--disable-sync",
             f"--user-data-dir={profile}", "--window-size=1000,1250", f"--screenshot={path}", report.as_uri()],
            check=True, capture_output=True,
        )  # fmt: skip
    print(path)


def main() -> None:
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copy(SUITES / "quickstart.yaml", folder)
        (folder / "mistaken.yaml").write_text(MISTAKES)
        terminal = Terminal(folder)
        try:
            terminal.type("rlbench run mistaken.yaml")
            terminal.wait(lambda text: "seeds: five" in text)
            terminal.picture(IMAGES / "errors.svg")
            terminal.type("rlbench run quickstart.yaml")
            terminal.wait(
                lambda text: text.count(" %") >= 2 and text.count("–") <= 1 and "random on CartPole-v1: done" in text
            )
            time.sleep(8)
            terminal.picture(IMAGES / "progress.svg")
            terminal.wait(lambda text: "report:" in text)
            terminal.picture(IMAGES / "table.svg")
            page(folder / "results/quickstart/report.html", IMAGES / "report.png")
        finally:
            terminal.close()


if __name__ == "__main__":
    main()
