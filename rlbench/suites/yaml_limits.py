"""Limits on the cost of reading a suite file, checked on its parse events before any object is built."""

from __future__ import annotations

from ruamel.yaml import YAML
from ruamel.yaml.events import AliasEvent, CollectionEndEvent, CollectionStartEvent, ScalarEvent

MAX_BYTES = 1_000_000
MAX_DEPTH = 50
MAX_ALIASES = 100
MAX_NODES = 100_000
_PLAIN_TAGS = {f"tag:yaml.org,2002:{kind}" for kind in ("bool", "float", "int", "map", "null", "seq", "str")}

Refusal = tuple[int, int, str]


def refusal(text: str) -> Refusal | None:
    """Return why a document is refused, as line and column (from 0) and reason; None if it may be read.

    The depth, the number of aliases and the number of nodes with every alias expanded are bounded: nine anchors of nine
    aliases each take 306 bytes and expand to a billion nodes. Tags are refused because they request Python objects.
    Raises: ruamel's YAMLError.
    """
    sizes: dict[str, int] = {}
    open_nodes: list[tuple[str | None, int]] = []  # anchor, nodes before it
    nodes = aliases = 0
    for event in YAML(typ="rt", pure=True).parse(text):
        line, column = event.start_mark.line, event.start_mark.column
        if isinstance(event, AliasEvent):
            aliases += 1
            if event.anchor in [anchor for anchor, _ in open_nodes]:
                return line, column, f"*{event.anchor} refers to a value that contains it"
            nodes += sizes.get(event.anchor, 1)
        elif isinstance(event, (CollectionStartEvent, ScalarEvent)):
            nodes += 1
            tag = str(event.tag or "")
            if tag and tag != "!" and tag not in _PLAIN_TAGS:
                return line, column, f"the tag {tag} is not allowed; write plain values"
            if isinstance(event, CollectionStartEvent):
                open_nodes.append((event.anchor, nodes - 1))
            elif event.anchor:
                sizes[event.anchor] = 1
        elif isinstance(event, CollectionEndEvent):
            anchor, before = open_nodes.pop()
            if anchor:
                sizes[anchor] = nodes - before
        if len(open_nodes) > MAX_DEPTH:
            return line, column, f"nested over {MAX_DEPTH} levels deep, which is the limit"
        if aliases > MAX_ALIASES:
            return line, column, f"over {MAX_ALIASES} aliases, which is the limit"
        if nodes > MAX_NODES:
            return line, column, f"over {MAX_NODES:,} values with aliases expanded, which is the limit"
    return None
