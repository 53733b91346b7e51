#!/usr/bin/env python3
"""Set up and use a checkout with the standard library alone.

Usage: python3 dev.py install | run [SUITE] | test | soak | lint | docs

`.venv` beside this file gets `-e .[dev]` with the versions in constraints.txt. The installation is repeated only when
pyproject.toml, constraints.txt or the Python version has changed; `docs` installs the extra `docs` in the same way. pip
uses its own settings (index, proxy, cache); this file sets none. `soak` kills runs, damages folders and fuzzes suites
at random for an hour.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import os
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
BIN = VENV / "bin"
OLDEST, NEWEST = (3, 11), (3, 13)
USAGE = (
    "usage: dev.py install | run [SUITE] [OPTION...] | test [PYTEST OPTION...] | soak [PYTEST OPTION...] | lint | docs"
)


def fail(message: str) -> int:
    print(f"dev.py: {message}", file=sys.stderr)
    return 2


def fingerprint() -> str:
    """Return a hash of everything an installation depends on; if it has changed, install again."""
    digest = hashlib.sha256(f"{sys.version_info[:3]} {ROOT}".encode())
    for name in ("pyproject.toml", "constraints.txt"):
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()


def usable(with_pip: bool) -> bool:
    """Return whether .venv has this Python version and, if required, pip.

    An interrupted installation lacks pip; another Python may have created the folder.
    """
    if not (BIN / "python").exists():
        return False
    check = "import sys; print(*sys.version_info[:3])" + ("; import pip" if with_pip else "")
    result = subprocess.run([str(BIN / "python"), "-c", check], capture_output=True, text=True)
    return result.returncode == 0 and result.stdout.split() == [str(part) for part in sys.version_info[:3]]


def install(extra: str = "dev") -> None:
    """Install an extra into .venv, creating it if necessary. Return at once if it is up to date."""
    stamp = VENV / ("rlbench-installed" if extra == "dev" else f"rlbench-installed-{extra}")
    if stamp.is_file() and stamp.read_text().strip() == fingerprint():
        return
    with open(ROOT / ".venv.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # of two terminals at once, the second waits and then finds the stamp
        if stamp.is_file() and stamp.read_text().strip() == fingerprint():
            return
        wait = "a few minutes the first time" if extra == "dev" else f"the extra {extra}, once"
        print(f"dev.py: installing into .venv ({wait})", file=sys.stderr, flush=True)
        stamp.unlink(missing_ok=True)
        with_pip = importlib.util.find_spec("ensurepip") is not None
        if not usable(with_pip):
            venv.create(VENV, with_pip=with_pip, symlinks=True, clear=True)
        pip = ["-m", "pip"] if with_pip else ["-m", "pip", "--python", str(BIN / "python")]
        options = ["--quiet", "--disable-pip-version-check", "-c", str(ROOT / "constraints.txt")]
        python = str(BIN / "python") if with_pip else sys.executable
        subprocess.run([python, *pip, "install", *options, "-e", f"{ROOT}[{extra}]"], check=True)
        stamp.write_text(fingerprint() + "\n")


def call(*command: str) -> int:
    """Run a tool of .venv from the repository root, and report it if it fails. Returns: its exit code."""
    environment = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ.get('PATH', '')}", "VIRTUAL_ENV": str(VENV)}
    print("$ " + " ".join(command), file=sys.stderr, flush=True)
    with subprocess.Popen([str(BIN / command[0]), *command[1:]], cwd=ROOT, env=environment) as process:
        while True:
            try:
                code = process.wait()
                break
            except KeyboardInterrupt:
                continue  # the tool received the same Ctrl-C and ends by itself
    if code:
        print(f"dev.py: {command[0]} failed with exit code {code}", file=sys.stderr)
    return code


def lint() -> int:
    steps = (("ruff", "check", "."), ("ruff", "format", "--check", "."), ("mypy",), ("python", "tools/lint_imports.py"))
    return max([call(*step) for step in steps])


def docs() -> int:
    """Regenerate the generated parts of docs/, then build the site; a broken link is an error."""
    code = call("python", "tools/docs/generate.py") or call("properdocs", "build", "--strict")
    if not code:
        print(f"dev.py: built {ROOT / 'site' / 'index.html'}; to search it, run python3 -m http.server -d site")
    return code


def main(arguments: list[str]) -> int:
    if os.name == "nt":
        return fail("Windows is not supported: use Linux, macOS or WSL")
    if not OLDEST <= sys.version_info[:2] <= NEWEST:
        return fail(
            f"needs Python 3.11 to 3.13, this is {sys.version.split()[0]}; "
            "try `python3.11 dev.py …` or `make PYTHON=python3.11 …`"
        )
    command, *rest = arguments or [""]
    if command not in ("install", "run", "test", "soak", "lint", "docs"):
        return fail(USAGE)
    try:
        install()
        if command == "docs":
            install("docs")
    except subprocess.CalledProcessError as error:
        return fail(f"installation failed (pip exit code {error.returncode}); fix the error above and try again")
    if command == "run":
        return call("rlbench", "run", *(rest or ["suites/classic.yaml"]))
    if command == "test":
        return lint() or call("python", "-m", "pytest", "-n", "2", "--dist", "worksteal", *rest)
    if command == "soak":
        return call("python", "-m", "pytest", "-s", "-m", "long", "--soak", *(rest or ["tests/soak"]))
    if command == "docs":
        return docs()
    return lint() if command == "lint" else 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
