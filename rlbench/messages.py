"""What a value should have been, in a sentence: the problems pydantic finds, said as a person would."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

_SHOWN_CHARACTERS = 60
_WANTED = {
    "int_from_float": "should be a whole number",
    "int_parsing": "should be a whole number",
    "int_type": "should be a whole number",
    "float_parsing": "should be a number",
    "float_type": "should be a number",
    "finite_number": "should be a finite number",
    "bool_parsing": "should be true or false",
    "bool_type": "should be true or false",
    "string_type": "should be text",
    "tuple_type": "should be a list",
    "list_type": "should be a list",
    "dict_type": "should be a mapping (key: value)",
    "model_type": "should be a mapping (key: value)",
    "model_attributes_type": "should be a mapping (key: value)",
    "too_short": "should not be empty",
}
_BOUNDS = {
    "greater_than_equal": ("at least", "ge"),
    "greater_than": ("above", "gt"),
    "less_than_equal": ("at most", "le"),
    "less_than": ("below", "lt"),
}


def explain(error: Mapping[str, Any]) -> str:
    """One entry of pydantic's `errors()`: what the value should be and what it was; the name is the caller's to say."""
    kind, context, given = error["type"], error.get("ctx", {}), error["input"]
    if kind in _BOUNDS:
        word, bound = _BOUNDS[kind]
        return f"should be {word} {context[bound]:g}, got {shown(given)}"
    if kind == "literal_error":
        choices = context["expected"].replace(" or ", ", ")
        return f"should be one of {choices}, got {shown(given)}{nearest(str(given), choices.replace(chr(39), '').split(', '))}"
    if kind in _WANTED:
        return f"{_WANTED[kind]}, got {shown(given)}"
    message = str(error["msg"]).removeprefix("Value error, ")
    return message if kind in ("value_error", "expected") else f"{message[0].lower()}{message[1:]}, got {shown(given)}"


def shown(value: Any) -> str:
    """A value as it is quoted in a message, cut where it is long."""
    text = "nothing" if value is None else repr(value)
    return text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 1] + "…"


def nearest(name: str, known: Iterable[str]) -> str:
    """A hint with the nearest of the known names, or "" when none is near."""
    close = difflib.get_close_matches(name, list(known), 1)
    return f"; did you mean {close[0]!r}?" if close else ""
