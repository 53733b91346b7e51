"""Templates such as `{algorithm}/{environment}_{seed}`, which find algorithm, environment and seed in a run's path."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from rlbench.importers.imported_records import ForeignError, ImportedRecords, SkippedSource

PLACES = ("algorithm", "environment", "seed")
IGNORED = ("time", "_")  # like *, these match any text


@dataclass(frozen=True)
class Template:
    """A path template.

    text: the template as the user wrote it. shy, greedy: regular expressions in which the first placeholders match as
    little, or as much, text as possible. If both match a path differently, the template is ambiguous.
    """

    text: str
    shy: re.Pattern[str]
    greedy: re.Pattern[str]

    def apply(self, records: ImportedRecords) -> ImportedRecords | SkippedSource:
        """Return the records with the names in their path, or the reason for skipping if the path does not match."""
        match, other = self.shy.search(records.source), self.greedy.search(records.source)
        if match is None or other is None:
            return SkippedSource(records.source, f"{records.source} does not match --path {self.text}")
        # Bytes of a file name that are not UTF-8 become �.
        values = {name: os.fsencode(value).decode("utf-8", "replace") for name, value in match.groupdict().items()}
        if match.groupdict() != other.groupdict():
            return SkippedSource(
                records.source,
                f"{records.source} matches --path {self.text} in two ways: {_as_text(values)}, or "
                f"{_as_text(other.groupdict())}; write out the fixed parts of the path, "
                "and use {time}, {_} or * for parts to ignore",
            )
        return replace(
            records,
            algorithm=values.get("algorithm") or records.algorithm,
            environment=values.get("environment") or records.environment,
            seed=int(values["seed"]) if "seed" in values else records.seed,
        )


def read_template(text: str) -> Template:
    """Parse a template. Raises: ForeignError for an unknown or repeated placeholder."""
    parts = re.split(r"\{(\w+)\}|(\*)", text.strip("/"))
    literals, names = parts[::3], [name or star for name, star in zip(parts[1::3], parts[2::3])]
    known = [name for name in names if name in PLACES]
    unknown = [name for name in names if name not in (*PLACES, *IGNORED, "*")]
    if unknown or not known or len(known) != len(set(known)):
        placeholders = ", ".join(f"{{{name}}}" for name in PLACES)
        raise ForeignError(
            f"--path {text}: use one or more of {placeholders}, each once, and {{time}}, {{_}} or * for parts to ignore"
        )
    return Template(text, _pattern(literals, names, "?"), _pattern(literals, names, ""))


def _pattern(literals: list[str], names: list[str], shy: str) -> re.Pattern[str]:
    pattern = re.escape(literals[0])
    for before, name, literal in zip(literals, names, literals[1:]):
        start = "" if before else r"(?<!\d)"  # the seed of ppo12 is 12, not 2
        kind = rf"{start}-?\d+" if name == "seed" else f"[^/]+{shy}"
        pattern += (f"(?P<{name}>{kind})" if name in PLACES else f"[^/]*{shy}") + re.escape(literal)
    return re.compile(rf"(?:^|/){pattern}(?:/[^/]*)?$")


def _as_text(values: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())
