"""Plain sentences about invalid values and about errors of foreign code."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

_QUOTED_CHARACTERS = 60
_LONGEST = 2_000  # characters of an error's message; a plugin may raise one of any length
_EXPECTED = {
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
BOUNDS = {
    "greater_than_equal": ("at least", "ge"),
    "greater_than": ("above", "gt"),
    "less_than_equal": ("at most", "le"),
    "less_than": ("below", "lt"),
}


def explain(error: Mapping[str, Any]) -> str:
    """Return one entry of pydantic's `errors()` as a sentence. The caller adds the name of the value."""
    kind, context, given = error["type"], error.get("ctx", {}), error["input"]
    if kind in BOUNDS:
        word, bound = BOUNDS[kind]
        return f"should be {word} {context[bound]:g}, got {quoted(given)}"
    if kind == "literal_error":
        choices = context["expected"].replace(" or ", ", ")
        hint = nearest(str(given), choices.replace("'", "").split(", "))
        return f"should be one of {choices}, got {quoted(given)}{hint}"
    if kind in _EXPECTED:
        return f"{_EXPECTED[kind]}, got {quoted(given)}"
    message = shortened(str(error["msg"]).removeprefix("Value error, "))
    return (
        message
        if kind in ("value_error", "expected", "lacking")
        else f"{message[0].lower()}{message[1:]}, got {quoted(given)}"
    )


def refuse_bool(value: Any) -> Any:
    """Return a number or a list of numbers unchanged, but refuse booleans. For use as a pydantic validator.

    Python counts True as 1, so a misplaced `true` would pass as a number. Raises: a pydantic error.
    """
    from pydantic_core import PydanticCustomError  # imported here, because most commands print messages without it

    if isinstance(value, bool):
        raise PydanticCustomError("float_type", "should be a number")
    for part in value if isinstance(value, (list, tuple)) else ():
        refuse_bool(part)
    return value


def refuse_nan(value: Any) -> Any:
    """Return a number or a list of numbers unchanged, but refuse NaN. For use as a pydantic validator.

    Checks of a range can let NaN pass, and training with NaN is wasted. Raises: a pydantic error.
    """
    from pydantic_core import PydanticCustomError

    if value != value:
        raise PydanticCustomError("float_type", "should be a number")
    for part in value if isinstance(value, (list, tuple)) else ():
        refuse_nan(part)
    return value


def quoted(value: Any) -> str:
    """Return a value as text for a message, truncated if it is long."""
    return shortened("nothing" if value is None else repr(value), _QUOTED_CHARACTERS)


def shortened(text: str, most: int = _LONGEST) -> str:
    """Return the text, or its beginning if it has more than `most` characters."""
    return text if len(text) <= most else text[: most - 1] + "…"


def error_text(error: BaseException, most: int = _LONGEST) -> str:
    """Return an error's class name and message on one line of at most `most` characters. Accept any exception class."""
    try:
        message = " ".join(str(error).split())
    except Exception:  # noqa: BLE001 - a foreign `__str__` may raise anything
        message = ""
    return shortened(f"{type(error).__name__}: {message}" if message else type(error).__name__, most)


def nearest(name: str, known: Iterable[str]) -> str:
    """Return a hint with the most similar of the known names, or "" if none is similar."""
    close = difflib.get_close_matches(name, list(known), 1)
    return f"; did you mean {close[0]!r}?" if close else ""
