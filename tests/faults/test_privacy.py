"""What leaves a run: no connection is opened, and no environment variable's value is kept, but the few that are named."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.faults

# Python imports it at its start in every process that this test starts. Whoever wants the network leaves a line.
NO_NETWORK = """
import os, socket, sys, traceback

def refuse(name):
    def refused(*arguments, **options):
        if name != "connect" or arguments[0].family != socket.AF_UNIX:
            with open(os.environ["ASKED"], "a") as file: file.write(f"{name}{arguments[1:]} {sys.argv}\\n")
        raise OSError(101, "Network is unreachable")
    return refused

for name in ("connect", "connect_ex", "sendto"):
    setattr(socket.socket, name, refuse(name))
for name in ("getaddrinfo", "gethostbyname", "gethostbyaddr", "create_connection"):
    setattr(socket, name, refuse(name))
"""
SUITE = """
name: s
algorithms: [random]
environments: [{id: CartPole-v1, steps: 80}]
seeds: 1
evaluation: {episodes: 2, final_episodes: 3}
"""
SECRETS = {
    "WANDB_API_KEY": "s3cret-one",
    "DB_PASSWORD": "s3cret-two",
    "HF_TOKEN": "s3cret-three",
    "PLAIN": "s3cret-four",
}


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """A suite, run, reported and exported without a network; its folder, and who has asked for it."""
    folder = tmp_path_factory.mktemp("private")
    (folder / "site").mkdir()
    (folder / "site/sitecustomize.py").write_text(NO_NETWORK)
    (folder / "s.yaml").write_text(SUITE)
    own = {"PYTHONPATH": str(folder / "site"), "ASKED": str(folder / "asked"), "RLBENCH_CACHE": str(folder / "cache")}
    environment = {**os.environ, **SECRETS, **own}
    del environment["RLBENCH_NO_REPORT"]
    for arguments in ("run s.yaml -o out", "export out"):
        command = [sys.executable, "-m", "rlbench.cli.main", *arguments.split()]
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    probe = "import socket; socket.create_connection(('192.0.2.1', 80))"
    assert subprocess.run([sys.executable, "-c", probe], env=environment, stderr=subprocess.DEVNULL).returncode == 1
    return folder


def test_nothing_asks_for_the_network(ran):
    asked = Path(ran / "asked").read_text().splitlines()
    assert asked == ["create_connection() ['-c']"]  # the probe that shows that asking is seen


def test_no_value_of_the_environment_is_kept(ran):
    files = [path for path in (ran / "out").rglob("*") if path.is_file()]
    assert (ran / "out/report.html") in files and len(files) > 15
    for path in [*files, *(path for path in (ran / "cache").rglob("*") if path.is_file())]:
        content = path.read_bytes()
        for name, value in SECRETS.items():
            assert value.encode() not in content and name.encode() not in content, path
