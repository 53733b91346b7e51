"""Make a project's folder what `pip install -e` would make of it for whoever has that folder on PYTHONPATH."""

import sys
import tomllib
from pathlib import Path

folder = Path(sys.argv[1])
project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
record = folder / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
record.mkdir()
(record / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
points = project["entry-points"]["rlbench"]
(record / "entry_points.txt").write_text("[rlbench]\n" + "".join(f"{name} = {at}\n" for name, at in points.items()))
