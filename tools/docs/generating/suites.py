"""Keys of a suite, from the pydantic models: tables for people and the JSON schema for editors."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from generating.markdown import code, literal, table
from rlbench.cli.commands.schema import text
from rlbench.suites import Suite

# The place of each model in a suite, as a heading, in the order of the page.
PLACES = {
    "AlgorithmEntry": "An entry of `algorithms`",
    "TunedEntry": "`tuned` of an algorithm",
    "EnvironmentEntry": "An entry of `environments`",
    "EvaluationEntry": "`evaluation`, of the suite or of an environment",
    "BudgetEntry": "A value of `per_algorithm`",
    "WrapperEntry": "An entry of `wrappers`",
    "CurriculumEntry": "`curriculum` of an environment",
    "StageEntry": "An entry of `stages`",
    "UntilEntry": "`until` of a stage",
    "CurriculumTaskEntry": "An entry of `tasks`",
    "AnchorsEntry": "`anchors` of an environment",
    "SlurmEntry": "`slurm`",
    "RayEntry": "`ray`",
    "TuneEntry": "`tune`",
    "DistributionEntry": "A value of `space`",
}
SHORT = {"AlgorithmEntry": "entries", "EnvironmentEntry": "entries", "EvaluationEntry": "mapping"}
SHORT |= {"BudgetEntry": "budgets", "WrapperEntry": "entries", "AnchorsEntry": "mapping", "SlurmEntry": "mapping"}
SHORT |= {"RayEntry": "mapping", "TuneEntry": "mapping", "TunedEntry": "mapping", "DistributionEntry": "distributions"}
SHORT |= {
    "CurriculumEntry": "mapping",
    "StageEntry": "entries",
    "UntilEntry": "mapping",
    "CurriculumTaskEntry": "entries",
}


def schema() -> str:
    return text()


def keys() -> str:
    """Return a table for the suite and one for each of its models. Raises: KeyError for a model without a place."""
    document = Suite.model_json_schema()
    parts = [model("The suite", document)]
    assert set(document["$defs"]) == set(PLACES), set(document["$defs"]) ^ set(PLACES)
    return "\n".join([*parts, *(model(title, document["$defs"][name]) for name, title in PLACES.items())])


def model(title: str, definition: Mapping[str, Any]) -> str:
    required = definition.get("required", ())
    rows = []
    for name, field in definition["properties"].items():
        default = "required" if name in required else shown(field.get("default"))
        rows.append((f"`{name}`", kind(field), default, literal(field["description"])))
    return f"### {title}\n\n{definition['description']}\n\n{table(('key', 'value', 'default', 'meaning'), rows)}"


def shown(value: Any) -> str:
    """Return a default as written in a suite; "" for an omitted key."""
    if value in (None, "", [], {}):
        return ""
    if isinstance(value, Mapping):
        return "each key's own"
    return code(
        value if isinstance(value, str) else json.dumps(value[0] if isinstance(value, list) else value).strip('"')
    )


def kind(field: Mapping[str, Any]) -> str:
    """Describe a key's values: choices, ranges, lists, or a link to the keys of a mapping."""
    if "$ref" in field:
        name = field["$ref"].rsplit("/", 1)[1]
        return f"[{SHORT[name]}](#{anchor(PLACES[name])})"
    if "anyOf" in field:
        choices = [kind(choice) for choice in field["anyOf"] if choice.get("type") != "null"]
        return ", or ".join(dict.fromkeys(choices))
    if "const" in field:
        return f"`{field['const']}`"
    if "enum" in field:
        return ", ".join(f"`{value}`" for value in field["enum"])
    if field.get("type") == "array":
        return f"list of {plural(kind(field['items']))}" if field.get("items") else "list"
    if field.get("type") == "object":
        values = field.get("additionalProperties")
        return f"mapping of names to {plural(kind(values))}" if isinstance(values, dict) else "mapping"
    names = {"integer": "whole number", "number": "number", "string": "text", "boolean": "true or false"}
    return names.get(field.get("type", ""), "any value") + limits(field)


def plural(words: str) -> str:
    """Return the plural of a description from `kind`."""
    for one in ("mapping", "whole number", "number", "list"):
        if words.startswith(one):
            return words.replace(one, f"{one}s", 1)
    return words


def limits(field: Mapping[str, Any]) -> str:
    low, high = field.get("minimum"), field.get("maximum")
    if low is not None and high is not None:
        return f" from {low} to {high:,}"
    if low is not None:
        return f" from {low} on"
    return f" above {field['exclusiveMinimum']:g}" if "exclusiveMinimum" in field else ""


def anchor(title: str) -> str:
    """Return the anchor that Markdown gives a heading."""
    return "".join(c for c in title.lower() if c.isalnum() or c in " -_").replace(" ", "-")
