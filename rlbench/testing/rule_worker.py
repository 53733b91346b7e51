"""The entry of a process that puts an algorithm to the rules: `python -m rlbench.testing.rule_worker QUESTION FD PARENT_PID`.

What a plugin prints goes where its starter says; answers are lines in a pipe of their own, so that prints cannot corrupt them
and a death loses none.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping
from typing import Any, TextIO

from rlbench.plugins import load_plugins
from rlbench.process_control import die_with_parent, find_modules_here
from rlbench.testing.rules import RULES
from rlbench.testing.subject import NotClaimed, Subject


def put(subject: Subject, rule: str) -> tuple[str, str]:
    """The verdict on one rule ("passed", "failed", "not claimed" or "raised") and what was seen."""
    try:
        return "passed", RULES[rule](subject)
    except NotClaimed as said:
        return "not claimed", str(said)
    except AssertionError as broken:
        return "failed", str(broken) or "an assertion of the algorithm's own"
    except Exception as error:  # noqa: BLE001 - whatever a stranger's code raises
        return "raised", f"{type(error).__name__}: {error}"


def main(asked: Mapping[str, Any], answers: TextIO) -> None:
    spec = load_plugins(asked["plugin_files"]).algorithm(asked["name"])
    subject = Subject(spec, asked["params"], asked["steps"], asked["learn_steps"])
    for rule in asked["rules"]:
        print(json.dumps({"rule": rule, "verdict": "began"}), file=answers)
        began = time.perf_counter()
        verdict, seen = put(subject, rule)
        print(
            json.dumps({"rule": rule, "verdict": verdict, "seen": seen, "seconds": time.perf_counter() - began}),
            file=answers,
        )


if __name__ == "__main__":
    die_with_parent(int(sys.argv[3]))
    question = json.loads(sys.argv[1])
    find_modules_here(question["plugin_files"])
    with open(int(sys.argv[2]), "w", buffering=1) as pipe:
        main(question, pipe)
