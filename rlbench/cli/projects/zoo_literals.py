"""Read values that the zoo writes as Python code, such as "dict(net_arch=[64, 64], activation_fn=nn.ReLU)".

The code is parsed, never evaluated.
"""

from __future__ import annotations

import ast
from typing import Any

MOST_CHARACTERS = 2_000


class LiteralError(ValueError):
    """Raised if a text is not one supported value. The message quotes the text."""


class DottedName(str):
    """A Python name that is kept as text, such as nn.ReLU."""


def read_literal(text: str) -> Any:
    """Read numbers, text, lists, mappings and dict(name=value) as Python values, and dotted names as `DottedName`.

    Raises: LiteralError for anything else, such as another call, an operator or a comprehension.
    """
    if len(text) > MOST_CHARACTERS:
        raise LiteralError(f"over {MOST_CHARACTERS:,} characters")
    try:
        return _value(ast.parse(text.strip(), mode="eval").body)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        if isinstance(error, LiteralError):
            raise
        raise LiteralError("not a Python value; values look like 3, 'text' or [64, 64]") from error


def _value(node: ast.expr) -> Any:
    if isinstance(node, ast.Constant) and isinstance(node.value, (bool, int, float, str, type(None))):
        return node.value
    if isinstance(node, (ast.List, ast.Tuple)):
        return [_value(each) for each in node.elts]
    if isinstance(node, ast.Dict):
        return {_key(key): _value(value) for key, value in zip(node.keys, node.values)}
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "dict" and not node.args:
        return {_argument(each.arg, node): _value(each.value) for each in node.keywords}
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.UAdd)):
        number = _value(node.operand)
        if isinstance(number, (int, float)) and not isinstance(number, bool):
            return -number if isinstance(node.op, ast.USub) else number
    if isinstance(node, (ast.Name, ast.Attribute)):
        return DottedName(_dotted(node))
    raise LiteralError(
        f"{ast.unparse(node)[:60]!r} is not a number, text, list, mapping, dict(…) or name; it is not evaluated"
    )


def _key(node: ast.expr | None) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    raise LiteralError("a mapping's keys should be text")


def _argument(name: str | None, node: ast.expr) -> str:
    if name is None:
        raise LiteralError(f"{ast.unparse(node)[:60]!r} is not dict(name=value, …)")
    return name


def _dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value)}.{node.attr}"
    raise LiteralError(f"{ast.unparse(node)[:60]!r} is not a name; it is not evaluated")
