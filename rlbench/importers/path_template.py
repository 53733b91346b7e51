"""What the path of a run says of it, by a template such as `{algorithm}/{environment}_{seed}`."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from rlbench.importers.imported_records import ForeignError, Skipped, Told

PLACES = ("algorithm", "environment", "seed")
IGNORED = ("time", "_")  # beside *: whatever stands there


@dataclass(frozen=True)
class Template:
    """text: as it was given. shy, greedy: patterns in which the first names are as short, and as long, as can be."""

    text: str
    shy: re.Pattern[str]
    greedy: re.Pattern[str]

    def place(self, told: Told) -> Told | Skipped:
        """The run with what its path says of it, or why that cannot be known."""
        match, other = self.shy.search(told.source), self.greedy.search(told.source)
        if match is None or other is None:
            return Skipped(told.source, f"{told.source} is not like --path {self.text}")
        # A file name may be no text: what of it is none becomes �.
        said = {name: os.fsencode(value).decode("utf-8", "replace") for name, value in match.groupdict().items()}
        if match.groupdict() != other.groupdict():
            return Skipped(
                told.source,
                f"{told.source} is like --path {self.text} in two ways: {_shown(said)}, or {_shown(other.groupdict())}; "
                "say what stands there by its own letters, or by {time}, {_} or * what is to be ignored",
            )
        return replace(
            told,
            algorithm=said.get("algorithm") or told.algorithm,
            environment=said.get("environment") or told.environment,
            seed=int(said["seed"]) if "seed" in said else told.seed,
        )


def read_template(text: str) -> Template:
    """Raises: ForeignError for a placeholder that means nothing, or stands twice."""
    parts = re.split(r"\{(\w+)\}|(\*)", text.strip("/"))
    literals, names = parts[::3], [name or star for name, star in zip(parts[1::3], parts[2::3])]
    known = [name for name in names if name in PLACES]
    unknown = [name for name in names if name not in (*PLACES, *IGNORED, "*")]
    if unknown or not known or len(known) != len(set(known)):
        takes = ", ".join(f"{{{name}}}" for name in PLACES)
        raise ForeignError(f"--path {text}: it takes {takes}, each once, and {{time}}, {{_}} and * for what is ignored")
    return Template(text, _pattern(literals, names, "?"), _pattern(literals, names, ""))


def _pattern(literals: list[str], names: list[str], shy: str) -> re.Pattern[str]:
    found = re.escape(literals[0])
    for before, name, literal in zip(literals, names, literals[1:]):
        whole = "" if before else r"(?<!\d)"  # of ppo12 the seed is 12, not 2
        kind = rf"{whole}-?\d+" if name == "seed" else f"[^/]+{shy}"
        found += (f"(?P<{name}>{kind})" if name in PLACES else f"[^/]*{shy}") + re.escape(literal)
    return re.compile(rf"(?:^|/){found}(?:/[^/]*)?$")


def _shown(said: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {value}" for name, value in said.items())
