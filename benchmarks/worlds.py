"""Count the public environments that rlbench runs, package by package.

    .venv/bin/python benchmarks/worlds.py check [-p minigrid -p popgym] [--limit 60]
    .venv/bin/python benchmarks/worlds.py run
    .venv/bin/python benchmarks/worlds.py table [--write docs/environments.md]

check: lists what each installed package of benchmarks/world_facts.py registers with Gymnasium, makes and plays each
environment in a child process, and plans random, dqn, ppo, sac and sb3/ppo on those that can be made, by `rlbench
check`. run: trains random, one built-in learner and sb3/ppo on one environment of every distinct pair of observation
and action space, with so small numbers that there are two updates and an evaluation. table: prints the counts.

Everything that is found is kept in `results/worlds/record.json` at once, and what is there is not found again;
`--again` forgets it. --limit: seconds that an environment may take before it counts as not to be made.

An environment is counted as usable if it can be made and played, rewards with one number, and gives the same twice when
its actions and its `reset(seed)` are the same, at least in a new environment. The shares of the table are of these.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import select
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[0] = str(ROOT)  # so that this folder is the package `benchmarks`, as it is to the child processes

from benchmarks.world_facts import PACKAGES, arguments, suite_id  # noqa: E402
from benchmarks.world_table import (  # noqa: E402
    HEADER,
    LEARNERS,
    PEER,
    RANDOM,
    Record,
    learner,
    markdown,
    runs_on,
    table,
    usable,
    version,
    write,
)
from rlbench.results.provenance import commit  # noqa: E402

FOLDER = Path("results/worlds")
REFERENCE = ROOT / "results" / "reference" / "worlds.json"
RLBENCH = Path(sys.executable).with_name("rlbench")
ALGORITHMS = (RANDOM, *LEARNERS, PEER)
CHUNK, RUN_CHUNK = 40, 8  # environments of one suite
CHECK_STEPS = 80_000
SMALL = {"learning_starts": 8, "train_freq": 8, "batch_size": 8, "buffer_size": 200}
PARAMS: Mapping[str, Mapping[str, Any]] = {
    RANDOM: {},
    "ppo": {"n_envs": 2, "n_steps": 16, "batch_size": 16, "n_epochs": 1},
    "dqn": {**SMALL, "target_update_interval": 16},
    "sac": SMALL,
    PEER: {"n_envs": 2, "n_steps": 16, "batch_size": 16, "n_epochs": 1},
}
RUN_STEPS, EPISODE_STEPS = 64, 30  # two rollouts of ppo; and no episode is longer
UNFINISHED = re.compile("pending|running|interrupted")
ERROR = re.compile(r"^(?P<file>[^\n]*?):(?P<line>\d+):\d+: error: (?P<text>.*)$", re.MULTILINE)


def load(path: Path) -> Record:
    return json.loads(path.read_text()) if path.is_file() else {}


def save(path: Path, record: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".new")
    beside.write_text(json.dumps(record, indent=1, sort_keys=True) + "\n")
    beside.replace(path)


def child(arguments: Sequence[str], descriptor: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "benchmarks.world_facts", *arguments],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        pass_fds=[descriptor],
        text=True,
    )


def registered(package: str) -> list[str]:
    """Return the ids that an installed package registers, or nothing if its import fails."""
    reader, writer = os.pipe()
    with child(["list", str(writer), package], writer) as process, os.fdopen(reader) as answers:
        os.close(writer)
        line = answers.readline()
        process.wait()
    return list(json.loads(line)) if line else []


def look(ids: Sequence[str], register: str, limit: float) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the facts of each environment; of one that takes over `limit` seconds or ends its process, just that."""
    left = list(ids)
    while left:
        reader, writer = os.pipe()
        with child(["look", str(writer)], writer) as process, os.fdopen(reader, "rb", buffering=0) as answers:
            os.close(writer)
            assert process.stdin is not None
            process.stdin.write(json.dumps([(env_id, arguments(env_id), register) for env_id in left]))
            process.stdin.close()
            process.stdin = None
            while left:
                line = _line(answers, limit)
                if not line:
                    process.kill()
                    code = process.wait()
                    text = f"took over {limit:g} s" if line is None else f"its process ended with exit code {code}"
                    yield left.pop(0), {"made": False, "reason": text}
                    break
                yield left.pop(0), json.loads(line)


def _line(answers: Any, limit: float) -> bytes | None:
    """Return the next line, b"" at the end, or None if nothing came for `limit` seconds."""
    line = b""
    while not line.endswith(b"\n"):
        if not select.select([answers], [], [], limit)[0]:
            return None
        part = answers.readline()
        if not part:
            return b""
        line += part
    return line


def suite(
    name: str,
    entries: Sequence[tuple[str, Mapping[str, Any]]],
    algorithms: Sequence[str | Mapping[str, Any]],
    register: str,
    **more: Any,
) -> str:
    """Return the text of a suite with one environment a line; JSON is YAML."""
    keys = {
        "name": name,
        "algorithms": algorithms,
        "seeds": [0],
        **({"register": register} if register else {}),
        **more,
    }
    lines = [f"{key}: {json.dumps(value)}" for key, value in keys.items()]
    lines += ["environments:", *(f"  - {json.dumps({'id': env_id, **entry})}" for env_id, entry in entries)]
    return "\n".join(lines) + "\n"


def check(package: str, ids: Sequence[str], folder: Path, limit: float) -> dict[str, dict[str, str]]:
    """Return for each environment the algorithms that do not run on it, and why. {"*": why} if the suite is refused."""
    found: dict[str, dict[str, str]] = {}
    left = list(ids)
    while left:
        keys = [(env_id, {"steps": CHECK_STEPS, "kwargs": arguments(env_id)}) for env_id in left]
        path = folder / f"check-{package}.yaml"
        algorithms = [{"id": name, "params": PARAMS[name]} for name in ALGORITHMS]  # a replay that fits into any memory
        path.write_text(suite(path.stem, keys, algorithms, PACKAGES[package].register))
        code, out, err = call_rlbench(["check", path.name, "--json"], folder, limit * len(left) + 60)
        if code in (0, 1):
            for env_id in left:
                found[env_id] = {}
            for skip in document(out)["skipped"]:
                found[skip["task"]][skip["algorithm"]] = skip["reason"]
            return found
        lines = path.read_text().splitlines()
        refused = [
            (json.loads(lines[int(match["line"]) - 1].strip()[2:])["id"], match["text"])
            for match in ERROR.finditer(err)
            if lines[int(match["line"]) - 1].startswith("  - ")
        ]
        if not refused:  # the process ended, or took too long: which environment it was shows in halves
            if len(left) == 1:
                return found | {left[0]: {"*": f"check ended with exit code {code}: {err.strip()[-200:]}"}}
            middle = len(left) // 2
            return found | check(package, left[:middle], folder, limit) | check(package, left[middle:], folder, limit)
        for env_id, text in refused:
            found[env_id] = {"*": text.removeprefix(f"{env_id}: ")}
        left = [env_id for env_id in left if env_id not in found]
    return found


def document(printed: str) -> dict[str, Any]:
    """Return the JSON object in what was printed; some packages print lines of their own before it or after it."""
    start = re.search(r"^\{", printed, re.MULTILINE)
    assert start is not None, printed
    return dict(json.JSONDecoder().raw_decode(printed, start.start())[0])


def call_rlbench(words: Sequence[str], folder: Path, limit: float) -> tuple[int, str, str]:
    """Call rlbench in a folder. Returns: exit code (-1: took too long), output and errors."""
    try:
        result = subprocess.run([RLBENCH, *words], cwd=folder, capture_output=True, text=True, timeout=limit)
    except subprocess.TimeoutExpired:
        return -1, "", f"took over {limit:g} s"
    return result.returncode, result.stdout, result.stderr


def check_packages(names: Iterable[str], folder: Path, limit: float) -> None:
    """Find the facts and the plan of every environment that is not in the record yet."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "record.json"
    for name in names:
        record, register = load(path), PACKAGES[name].register
        known = [suite_id(name, env_id) for env_id in registered(name)]
        missing = [env_id for env_id in known if env_id not in record]
        print(f"{name}: {len(known)} registered, {len(missing)} to look at", file=sys.stderr, flush=True)
        for env_id, facts in look(missing, register, limit):
            record[env_id] = {"package": name, "version": version(name), **facts}
            save(path, record)
        playable = [env_id for env_id in known if usable(record[env_id]) and "refused" not in record[env_id]]
        for chunk in (playable[i : i + CHUNK] for i in range(0, len(playable), CHUNK)):
            for env_id, reasons in check(name, chunk, folder, limit).items():
                record[env_id]["refused"] = reasons
            save(path, record)


def representatives(record: Record) -> list[str]:
    """Return one usable environment of every pair of spaces: one that has been run, or else the first."""
    chosen: dict[str, str] = {}
    for env_id, entry in sorted(record.items(), key=lambda item: ("runs" not in item[1], item[0])):
        if usable(entry) and "*" not in entry.get("refused", {"*": ""}):
            chosen.setdefault(entry["pair"], env_id)
    return sorted(chosen.values())


def run_pairs(folder: Path, limit: float, packages: Sequence[str]) -> None:
    """Train on each representative that has not been run, and record the status of each run and its message."""
    path = folder / "record.json"
    record = load(path)
    left = [i for i in representatives(record) if "runs" not in record[i] and record[i]["package"] in packages]
    for name in packages:
        own = [env_id for env_id in left if record[env_id]["package"] == name]
        for number, chunk in enumerate(own[i : i + RUN_CHUNK] for i in range(0, len(own), RUN_CHUNK)):
            print(
                f"{name}: runs {number * RUN_CHUNK + 1} to {number * RUN_CHUNK + len(chunk)} of {len(own)}", flush=True
            )
            for env_id, runs in run(name, chunk, record, folder, limit).items():
                record[env_id]["runs"] = runs
            save(path, record)


def run(package: str, ids: Sequence[str], record: Record, folder: Path, limit: float) -> dict[str, dict[str, str]]:
    """Train on some environments. Returns: for each, "done" or what went wrong, by algorithm."""
    kwargs = {env_id: {**arguments(env_id), "max_episode_steps": EPISODE_STEPS} for env_id in ids}
    chosen = {env_id: {RANDOM, PEER, learner(record[env_id])} for env_id in ids}
    algorithms = [
        {"id": name, "params": PARAMS[name], "environments": own}
        for name in ALGORITHMS
        if (own := [i for i in ids if name in chosen[i] and runs_on(record[i], name)])
    ]
    path, results = folder / f"run-{package}.yaml", f"run-{package}-{ids[0].replace('/', '-').replace(':', '-')}"
    evaluation = {"every": 0, "episodes": 1, "final_episodes": 1}
    more = {"evaluation": evaluation, "timeout": limit * 3, "stall_timeout": limit, "compile": "off"}
    entries = [(env_id, {"steps": RUN_STEPS, "kwargs": kwargs[env_id]}) for env_id in ids]
    path.write_text(suite(path.stem, entries, algorithms, PACKAGES[package].register, **more))
    words = ["run", path.name, "-o", results, "--no-report"]
    # In one process, since most of a small run is its start; what is left after a crash or a hang, in one each.
    code, _, err = call_rlbench([*words, "--executor", "serial"], folder, limit * len(ids))
    if code not in (0, 1):
        code, _, err = call_rlbench(words, folder, limit * 10 * len(ids))
    status, out, _ = call_rlbench(["status", results, "--json"], folder, 120)
    if status not in (0, 1):
        return {env_id: {"*": f"run ended with exit code {code}: {err.strip()[-300:]}"} for env_id in ids}
    found: dict[str, dict[str, str]] = {env_id: {} for env_id in ids}
    for row in document(out)["runs"]:
        message = "" if row["status"] == "done" else f": {row['message']}"
        found[row["task"]][row["algorithm"]] = row["status"] + message
    # What was interrupted, such as by Ctrl-C, is run by the next call.
    return {env_id: runs for env_id, runs in found.items() if not any(map(UNFINISHED.match, runs.values()))}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("task", choices=("check", "run", "table"))
    parser.add_argument("-p", "--package", action="append", choices=[*PACKAGES], help="only this package; repeatable")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where the record and the suites are")
    parser.add_argument("--limit", type=float, default=60, help="seconds that one environment may take")
    parser.add_argument("--again", action="store_true", help="forget what the record has of these packages")
    parser.add_argument("--write", type=Path, help="replace the table of this page")
    given = parser.parse_args()
    packages = given.package or [name for name in PACKAGES if version(name)]
    path = given.folder / "record.json"
    if given.again:
        save(path, {env_id: entry for env_id, entry in load(path).items() if entry["package"] not in packages})
    if given.task == "check":
        check_packages(packages, given.folder, given.limit)
    elif given.task == "run":
        run_pairs(given.folder, given.limit, packages)
    rows = table(load(path))
    if given.write:
        write(given.write, markdown(rows))
        command = [f"python benchmarks/worlds.py {task}" for task in ("check", "run", "table --write")]
        found = {"commit": commit(Path(__file__).resolve()), "command": command}
        save(REFERENCE, {**found, "packages": [dict(zip(HEADER, line)) for line in rows]})
    print(markdown(rows))


if __name__ == "__main__":
    main()
