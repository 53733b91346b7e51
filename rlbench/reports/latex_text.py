"""Text in LaTeX: escaping, and an estimate of its printed width from the widths of Computer Modern.

Other common fonts (Times, Palatino, Libertine) are narrower, so a text that fits by this estimate fits in them too.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

SIZE = 8.0  # points, of the text of a table
SMALL = 6.0  # points, of subscripts and superscripts in a table
_ESCAPES = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "–": "--",
    "−": "$-$",
    "≤": r"$\le$",
    "≥": r"$\ge$",
    "·": r"$\cdot$",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "⌊": r"$\lfloor$",
    "⌋": r"$\rfloor$",
    "×": r"$\times$",
    "±": r"$\pm$",
    "→": r"$\to$",
    "τ": r"$\tau$",
    "δ": r"$\delta$",
    "ε": r"$\varepsilon$",
    "…": r"\dots{}",
    **{character: f"\\{character}" for character in "&%$#_{}"},
}
# Thousandths of the type size in cmr10. A character that is not listed counts as wide as the widest.
_WIDTHS = {
    **dict.fromkeys("0123456789aghovxyknpqubd-–_()*/$?\"'“”", 560),
    **dict.fromkeys("cezrst", 465),
    **dict.fromkeys("fijl.,;:|!’‘ ", 345),
    **dict.fromkeys("[]", 310),
    "-": 345,
    **dict.fromkeys("mw−≤≥±×<>+=#&", 840),
    **dict.fromkeys("ABCDEFHLNOPQRSTUVXYZ", 790),
    "G": 790,
    "I": 370,
    "J": 520,
    **dict.fromkeys("0123456789", 500),
}
_WIDEST = 1030
_GROWTH = {SIZE: 1.0625, SMALL: 1.222}  # smaller sizes of the typeface are wider in proportion
_BOLD = 1.17
_NUMBER = re.compile(r"[−+-]?[\d,]*\.?\d+")
# Parts of a text: a line may break after each.
_PIECE = re.compile(r"[^ \-_/.,:;=]*[ \-_/.,:;=]*")


def latex(text: str) -> str:
    """Escape text so that LaTeX prints it unchanged."""
    text = "".join(_ESCAPES.get(c, c) for c in text)
    return f"{{}}{text}" if text.startswith(("[", "*")) else text  # after \\ it would be an optional argument


def is_number(text: str) -> bool:
    return _NUMBER.fullmatch(text) is not None


def formula(text: str) -> str:
    """Return text as it is written in a formula: a number, an infinite bound as a symbol, anything else as text."""
    if is_number(text):
        return text.replace("−", "-").replace(",", "{,}")
    return r"\infty" if text == "inf" else r"-\infty" if text in ("−inf", "-inf") else rf"\mbox{{{latex(text)}}}"


def width(text: str, size: float = SIZE, bold: bool = False) -> float:
    """Estimate how wide text is, in points, rounded up."""
    units = sum(_WIDTHS.get(character, _WIDEST) for character in text)
    return units * size * _GROWTH[size] * (_BOLD if bold else 1.0) / 1000


def pieces(text: str, longest: float = float("inf")) -> list[str]:
    """Return the parts of a text between which a line may break. longest: cut parts that are wider, in points."""
    parts: list[str] = []
    for part in _PIECE.findall(text):
        while (fits := _fitting(part, longest)) < len(part.rstrip()):
            parts.append(part[:fits])
            part = part[fits:]
        parts += [part] if part else []
    return parts


def _fitting(text: str, longest: float) -> int:
    """Return how many of a text's characters fit into `longest` points, at least 1."""
    units = longest * 1000 / (SIZE * _GROWTH[SIZE])
    for count, character in enumerate(text):
        units -= _WIDTHS.get(character, _WIDEST)
        if units < 0:
            return max(1, count)
    return max(1, len(text))


def breakable(text: str, line: float) -> str:
    """Escape text that may take more than one line of `line` points, so that no part of it is wider."""
    if width(text) <= line:
        return latex(text)
    broken = [latex(p) if p.endswith(" ") else rf"{latex(p)}\allowbreak{{}}" for p in pieces(text, line)]
    return "".join(broken).removesuffix(r"\allowbreak{}")


def set_in_lines(text: str, line: float) -> list[str]:
    """Return the lines that a text takes in a column `line` points wide."""
    lines = [""]
    for part in pieces(text, line):
        if lines[-1] and width((lines[-1] + part).rstrip()) > line:
            lines.append("")
        lines[-1] += part
    return [text.rstrip() for text in lines]


def widest_piece(texts: Sequence[str]) -> float:
    """Return the width of the widest part that cannot be broken, in points."""
    return max((width(part.rstrip()) for text in texts for part in pieces(text)), default=0.0)
