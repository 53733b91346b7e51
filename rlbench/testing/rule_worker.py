"""The process that checks an algorithm against rules: `python -m rlbench.testing.rule_worker REQUEST FD PARENT_PID`.

The parent process decides where the plugin's own output goes. The results are lines in a separate pipe. So the plugin's
output cannot corrupt them, and earlier results are not lost if this process dies.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping
from typing import Any, TextIO

from rlbench.messages import error_text, shortened
from rlbench.plugins import load_plugins
from rlbench.process_control import allow_local_imports, die_with_parent
from rlbench.testing.rules import RULES
from rlbench.testing.subject import NotClaimed, Subject


def check_rule(subject: Subject, rule: str) -> tuple[str, str]:
    """Check one rule. Returns: the verdict ("passed", "failed", "not claimed" or "raised") and what was observed."""
    try:
        return "passed", RULES[rule](subject)
    except NotClaimed as reason:
        return "not claimed", shortened(str(reason))
    except AssertionError as failure:
        return "failed", shortened(str(failure)) or "an assertion in the algorithm failed"
    except Exception as error:  # noqa: BLE001 - a plugin may raise anything
        return "raised", error_text(error)


def main(request: Mapping[str, Any], answers: TextIO) -> None:
    """Check the requested rules and write each result as a line of JSON to `answers`."""
    spec = load_plugins(request["plugin_files"]).algorithm(request["name"])
    subject = Subject(spec, request["params"], request["steps"], request["learn_steps"])
    for rule in request["rules"]:
        print(json.dumps({"rule": rule, "verdict": "began"}), file=answers)
        began = time.perf_counter()
        verdict, seen = check_rule(subject, rule)
        print(
            json.dumps({"rule": rule, "verdict": verdict, "seen": seen, "seconds": time.perf_counter() - began}),
            file=answers,
        )


if __name__ == "__main__":
    die_with_parent(int(sys.argv[3]))
    request = json.loads(sys.argv[1])
    allow_local_imports(request["plugin_files"])
    with open(int(sys.argv[2]), "w", buffering=1, encoding="utf-8") as pipe:
        main(request, pipe)
