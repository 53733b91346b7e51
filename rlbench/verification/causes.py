"""Why a run trained again may differ: code, packages and machine in its result.json, compared with the present ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from rlbench.results.code_dependencies import ANONYMOUS
from rlbench.results.provenance import INSTRUCTIONS


class Cause(NamedTuple):
    """Something that differs from the record. kind: such as "code" or "processor". recorded, now: both values."""

    kind: str
    name: str
    recorded: str
    now: str

    def __str__(self) -> str:
        name = self.name if self.name == self.kind else f"{self.kind}: {self.name}"
        return f"{name} was {self.recorded}, is {self.now}"


CODE, OWN_CODE, PACKAGE, BACKEND = "code", "rlbench's code", "package", "environment backend"
PROCESSOR, INSTRUCTION_SET, SETTING, SYSTEM = "processor", "instruction set", "setting", "system"
_ABSENT = "absent"
# The kind of cause that each entry of `numerics` is. Entries not listed are versions, or follow from these.
_NUMERICS = {
    "cpu_capability": INSTRUCTION_SET,
    **{name.lower(): INSTRUCTION_SET for name in INSTRUCTIONS},
    "mkl": SETTING,
    "threads": SETTING,
    "device": SETTING,
    "compiled": SETTING,
    "machine": PROCESSOR,
}


def causes(result: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[Cause, ...]:
    """Return how the process that trained again differs from the one in a result.json, the likeliest causes first.

    now: the present values, with the keys of result.json. A module or distribution is compared only if both have it.
    """
    listed = [*_code(result, now), *_packages(result, now), *_machine(result, now)]
    return tuple(dict.fromkeys(listed))


def _code(result: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[Cause]:
    before, present = result.get("code", {}), now.get("code", {})
    for name in ("distribution", "version"):
        if before.get(name) != present.get(name):
            yield _cause(CODE, f"{name} of the plugin", before.get(name), present.get(name))
    for part, kind in (("files", CODE), ("rlbench", OWN_CODE)):
        recorded = result.get("dependencies", {}).get(part, {})
        for name, digest in now.get("dependencies", {}).get(part, {}).items():
            was = recorded.get(name, digest)
            if was.removeprefix(ANONYMOUS) != digest.removeprefix(ANONYMOUS):
                yield _cause(kind, f"module {name}", was, digest)


def _packages(result: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[Cause]:
    old, new = (
        {
            **by.get("dependencies", {}).get("distributions", {}),
            **{name: version for name, version in by.get("versions", {}).items() if name != "rlbench"},
        }
        for by in (result, now)
    )
    for name in new:
        if name in old and old[name] != new[name]:
            yield _cause(
                "Python" if name == "python" else PACKAGE, "Python" if name == "python" else name, old[name], new[name]
            )
    built = [by.get("numerics", {}).get("torch") for by in (result, now)]  # with its build, such as +cpu
    if None not in built and built[0] != built[1] and old.get("torch") == new.get("torch"):
        yield _cause(PACKAGE, "torch", *built)
    backends = result.get("environment_backend"), now.get("environment_backend", {}).get("version")
    if backends[0] != backends[1]:
        yield _cause(BACKEND, BACKEND, *backends)


def _machine(result: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[Cause]:
    hardware = [by.get("hardware", {}) for by in (result, now)]
    if hardware[0].get("cpu") != hardware[1].get("cpu"):
        yield _cause(PROCESSOR, PROCESSOR, *(each.get("cpu") for each in hardware))
    old, new = result.get("numerics", {}), now.get("numerics", {})
    for name, kind in _NUMERICS.items():
        if old.get(name) != new.get(name):
            yield _cause(kind, name, old.get(name), new.get(name))
    if hardware[0].get("system") != hardware[1].get("system"):
        yield _cause(SYSTEM, SYSTEM, *(each.get("system") for each in hardware))


def _cause(kind: str, name: str, recorded: Any, now: Any) -> Cause:
    return Cause(kind, name, *(_ABSENT if value is None else str(value) or "unset" for value in (recorded, now)))
