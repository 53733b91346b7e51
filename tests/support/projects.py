"""Projects that `rlbench new` makes, laid down as pip would: their metadata and entry points, without a build."""

import os
import sys
import tomllib
from pathlib import Path
from unittest.mock import patch

from support.cli import Ran, rlbench


class Project:
    """A project of a kind in a folder, and an environment in which it is as good as installed."""

    def __init__(self, kind: str, name: str, folder: Path, *options: str) -> None:
        ran = rlbench("new", kind, name, *options, "-o", folder)
        assert ran.returncode == 0, ran.stderr
        self.name, self.folder = name, folder
        self.files = {str(Path(line).relative_to(folder)) for line in ran.stdout.splitlines() if line.startswith("/")}
        self.following = [line.strip() for line in ran.stdout.partition("next:\n")[2].splitlines()]
        told = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
        self.distribution = told["name"]
        installed = folder.with_name(f"{name}-installed")  # what the current folder says of itself is not believed
        record = installed / f"rlbench_{name}-0.1.0.dist-info"
        record.mkdir(parents=True)
        (record / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {told['name']}\nVersion: 0.1.0\n")
        points = told.get("entry-points", {}).get("rlbench", {})
        (record / "entry_points.txt").write_text("[rlbench]\n" + "".join(f"{k} = {v}\n" for k, v in points.items()))
        self.path = [str(folder), str(installed)]
        paths = (*self.path, os.environ.get("PYTHONPATH"))
        self.environment = {"PYTHONPATH": os.pathsep.join(filter(None, paths))}

    def rlbench(self, *arguments: object) -> Ran:
        """`rlbench` where the project is installed."""
        with patch.object(sys, "path", [*self.path, *sys.path]):
            return rlbench(*arguments, **self.environment)
