"""An environment as a stranger has it: rlbench as a wheel, plugins installed beside it, nothing fetched.

The heavy packages are those of the environment that runs the tests: a .pth file puts their folder behind its own. Of
that folder no .pth file is read, so a checkout that is installed there in editable form is out of sight.
"""

import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "plugins").glob("example-*"))
# So that a newcomer's commands run without a network: what builds is what is installed here ("0" says no isolation).
OFFLINE = {
    "PIP_NO_INDEX": "1",
    "PIP_NO_BUILD_ISOLATION": "0",
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    "PIP_NO_CACHE_DIR": "1",
}


class Fresh:
    """A virtual environment in `folder`, with pip, pytest and rlbench as commands."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.home = folder / "venv", folder / "home"
        self.home.mkdir()
        venv.create(self.folder, with_pip=False, symlinks=True)
        (self.site / "others.pth").write_text(sysconfig.get_path("purelib") + "\n")
        for module in ("pip", "pytest"):
            script = self.folder / "bin" / module
            script.write_text(f'#!/bin/sh\nexec {shlex.quote(str(self.folder))}/bin/python -m {module} "$@"\n')
            script.chmod(0o755)

    @property
    def site(self) -> Path:
        """Where its own packages lie."""
        (found,) = self.folder.glob("lib/python*/site-packages")
        return found

    @property
    def environment(self) -> Mapping[str, str]:
        kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
        path = f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
        return {**kept, **OFFLINE, "PATH": path, "RLBENCH_CACHE": str(self.home / "cache")}

    def shell(self, script: str, folder: Path) -> subprocess.CompletedProcess[str]:
        """Run command lines there, up to the first that fails."""
        return subprocess.run(
            ["bash", "-e", "-c", script], cwd=folder, env=self.environment, capture_output=True, text=True
        )

    def run(self, *command: object, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
        return self.shell(shlex.join(map(str, command)), folder or self.home)

    def install(self, *wheels: Path) -> None:
        """With what they depend on, all of which has to be there."""
        ran = self.run("pip", "install", "--quiet", *wheels)
        assert ran.returncode == 0, ran.stderr


def build(source: Path, folder: Path) -> Path:
    """The wheel of a copy of the project `source`, built in `folder`."""
    copy, out = folder / source.name, folder / "wheels"
    shutil.copytree(source, copy, ignore=lambda place, names: _left_out(names, Path(place) == source))
    before = {*out.glob("*.whl")}
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(out), str(copy)]
    ran = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **OFFLINE})
    assert ran.returncode == 0, ran.stderr
    (wheel,) = {*out.glob("*.whl")} - before
    return wheel


def _left_out(names: list[str], top: bool) -> list[str]:
    """What no wheel is made of, and may be large."""
    large = ("results", "tests") if top else ()
    return [name for name in names if name.startswith(".") or name == "__pycache__" or name in large]
