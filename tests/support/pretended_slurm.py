"""Slurm's commands as one small script, whose tasks are processes of this machine: they start at once, and none waits.

`install(folder)` makes the commands; put `folder/bin` first in PATH. Each task's number is 1_0, 1_1, …, as in Slurm.
While there is a file `down` in the folder, no command works; with a file `idle`, tasks are accepted and never start.
"""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

COMMANDS = ("sbatch", "squeue", "scancel", "scontrol")
LARGEST_ARRAY = 100


def install(folder: Path) -> Path:
    """Make the commands in folder/bin. Returns: that folder."""
    programs = folder / "bin"
    programs.mkdir(parents=True)
    (folder / "tasks").mkdir()
    for name in COMMANDS:
        program = programs / name
        program.write_text(f"#!/bin/sh\nexec '{sys.executable}' -S -P '{__file__}' '{folder}' {name} \"$@\"\n")
        program.chmod(0o755)
    return programs


def tasks(folder: Path) -> dict[str, int]:
    """Return the process of each task that has not ended, by its number."""
    running = {}
    for path in sorted((folder / "tasks").iterdir()):
        process = json.loads(path.read_text())["process"]
        if Path(f"/proc/{process}").exists():
            running[path.name] = process
    return running


def calls(folder: Path) -> list[list[str]]:
    """Return the commands so far, with their arguments."""
    path = folder / "calls"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def start(folder: Path, number: str, script: str) -> None:
    """Start a task of a batch script, or a job that is no array and whose number has no second part."""
    job, _, index = number.partition("_")
    asked = re.search(r"--output=(\S+)", script)
    output = asked[1].replace("%A", job).replace("%a", index) if asked else f"slurm-{job}.out"
    own = {"SLURM_JOB_ID": number} | ({"SLURM_ARRAY_JOB_ID": job, "SLURM_ARRAY_TASK_ID": index} if index else {})
    shell = script.partition("\n")[0].removeprefix("#!")
    with open(output, "a") as log:
        process = subprocess.Popen(
            [shell, "-c", script], stdout=log, stderr=log, env=os.environ | own, start_new_session=True
        )
    (folder / "tasks" / number).write_text(json.dumps({"process": process.pid, "script": script}))


def main(folder: Path, command: str, *arguments: str) -> str:
    if command == "install":
        return f"{install(folder)}\n"
    with open(folder / "calls", "a") as file:
        file.write(json.dumps([command, *arguments]) + "\n")
    if (folder / "down").exists():
        sys.exit(f"{command}: error: Unable to contact slurm controller")
    if command == "sbatch":
        files = [argument for argument in arguments if not argument.startswith("-")]
        script = Path(files[0]).read_text() if files else sys.stdin.read()
        job = 1 + len([call for call in calls(folder)[:-1] if call[0] == "sbatch"])
        array = re.search(r"--array=0-(\d+)", script)
        if not array:
            start(folder, str(job), script)
            return f"Submitted batch job {job}\n"
        count = int(array[1]) + 1
        if count > LARGEST_ARRAY:
            sys.exit("sbatch: error: Batch job submission failed: Invalid job array specification")
        for index in range(count if not (folder / "idle").exists() else 0):
            start(folder, f"{job}_{index}", script)
        return f"{job}\n"
    if command == "squeue":
        running = tasks(folder)
        if "--jobs" in arguments:
            return "RUNNING\n" if arguments[arguments.index("--jobs") + 1] in running else ""
        return "".join(f"{number} RUNNING None\n" for number in running)
    if command == "scancel":
        for process in tasks(folder).values():
            os.kill(process, signal.SIGTERM)
        return ""
    if arguments[0] == "requeue":
        description = json.loads((folder / "tasks" / arguments[1]).read_text())
        start(folder, arguments[1], description["script"])
        return ""
    return f"MaxArraySize            = {LARGEST_ARRAY}\n"


if __name__ == "__main__":
    sys.stdout.write(main(Path(sys.argv[1]), *sys.argv[2:]))
