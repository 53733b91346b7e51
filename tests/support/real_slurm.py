"""A real Slurm on this machine, of several nodes that are processes of the user: nothing is installed, nothing is root's.

Debian's packages are downloaded by their names and unpacked into a folder. `started(folder, nodes)` yields the variables
that its commands need. Raises: LookupError if the packages cannot be fetched here.
"""

import getpass
import os
import shutil
import socket
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

PACKAGES = (
    "slurmctld",
    "slurmd",
    "slurm-client",
    "slurm-wlm-basic-plugins",
    "libmunge2",
    "libhwloc15",
    "liblua5.1-0",
)
LARGEST_ARRAY = 100
CONFIGURATION = """
ClusterName=here
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
AuthType=auth/none
CredType=cred/none
PluginDir={library}/slurm-wlm
SlurmUser={user}
SlurmdUser={user}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/controller.pid
SlurmdPidFile={folder}/%n.pid
SlurmctldLogFile={folder}/controller.log
SlurmdLogFile={folder}/%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
MpiDefault=none
ReturnToService=2
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SchedulerParameters=bf_interval=2
MaxArraySize={largest}
SlurmdParameters=config_overrides
"""
SECONDS = 60  # in which all nodes are ready


def unpacked(folder: Path) -> Path:
    """Download and unpack the packages. Returns: the folder of their files. Raises: LookupError."""
    if shutil.which("apt-get") is None or shutil.which("dpkg") is None:
        raise LookupError("there is no apt-get, which would fetch Slurm's packages")
    root, packages = folder / "root", folder / "packages"
    packages.mkdir()
    fetched = subprocess.run(["apt-get", "download", "-q", *PACKAGES], cwd=packages, capture_output=True, text=True)
    if fetched.returncode:
        raise LookupError(f"Slurm's packages cannot be fetched: {fetched.stderr.strip()[-200:]}")
    for package in packages.glob("*.deb"):
        subprocess.run(["dpkg", "-x", package, root], check=True)
    return root


@contextmanager
def started(folder: Path, nodes: int):
    """Start a controller and nodes of one core each. Yields: the variables for Slurm's commands."""
    root = unpacked(folder)
    library = next(root.glob("usr/lib/*/slurm-wlm")).parent
    (folder / "state").mkdir()
    ports = free_ports(nodes + 1)
    values = {"host": socket.gethostname().partition(".")[0], "port": ports[0], "library": library, "folder": folder}
    text = CONFIGURATION.format(**values, user=getpass.getuser(), largest=LARGEST_ARRAY)
    for number, port in enumerate(ports[1:], 1):
        (folder / f"spool-n{number}").mkdir()
        text += (
            f"NodeName=n{number} NodeHostname={values['host']} NodeAddr=127.0.0.1 Port={port} CPUs=1 RealMemory=2000\n"
        )
    text += "PartitionName=main Nodes=ALL Default=YES MaxTime=30 State=UP\n"
    (folder / "slurm.conf").write_text(text)
    own = {
        "PATH": f"{root}/usr/bin:{root}/usr/sbin:{os.environ['PATH']}",
        "LD_LIBRARY_PATH": f"{library}:{library}/slurm-wlm",
        "SLURM_CONF": f"{folder}/slurm.conf",
    }
    variables = os.environ | own
    commands = [["slurmctld-wlm", "-D"]]
    commands += [
        ["slurmd-wlm", "-D", "-N", f"n{n}", "-d", f"{root}/usr/sbin/slurmstepd-wlm"] for n in range(1, nodes + 1)
    ]
    processes = []
    try:
        for command in commands:
            program = shutil.which(command[0], path=own["PATH"])
            processes.append(subprocess.Popen([program, *command[1:]], env=variables, stderr=subprocess.DEVNULL))
        wait_for_nodes(nodes, variables)
        yield own
    finally:
        subprocess.run(["scancel", "--user", getpass.getuser()], env=variables, capture_output=True)
        for process in reversed(processes):
            process.terminate()
            process.wait()


def wait_for_nodes(nodes: int, variables: dict[str, str]) -> None:
    """Wait until all nodes are idle, which Slurm tells nobody."""
    deadline, idle = time.monotonic() + SECONDS, 0
    while idle < nodes:
        if time.monotonic() > deadline:
            raise LookupError(f"only {idle} of {nodes} nodes of Slurm became ready within {SECONDS} s")
        time.sleep(0.5)
        asked = subprocess.run(["sinfo", "-h", "-N", "-t", "idle"], env=variables, capture_output=True, text=True)
        idle = len(asked.stdout.splitlines())


def free_ports(count: int) -> list[int]:
    """Return ports that nobody listens at now."""
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports
