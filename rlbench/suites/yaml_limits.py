"""What a suite file may cost to read, judged from its parse events before anything is built of them."""

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
    """Why a document is not read: line, column (from 0) and reason; None if it may be.

    Depth and aliases are bounded, and so are the nodes once every alias is written out: nine anchors of nine aliases
    each are 306 bytes and a billion nodes. Tags would ask for Python objects. Raises: ruamel's YAMLError.
    """
    sizes: dict[str, int] = {}
    open_nodes: list[tuple[str | None, int]] = []  # anchor, nodes before it
    nodes = aliases = 0
    for event in YAML(typ="rt", pure=True).parse(text):
        line, column = event.start_mark.line, event.start_mark.column
        if isinstance(event, AliasEvent):
            aliases += 1
            if event.anchor in [anchor for anchor, _ in open_nodes]:
                return line, column, f"*{event.anchor} stands inside what it names"
            nodes += sizes.get(event.anchor, 1)
        elif isinstance(event, (CollectionStartEvent, ScalarEvent)):
            nodes += 1
            tag = str(event.tag or "")
            if tag and tag != "!" and tag not in _PLAIN_TAGS:
                return line, column, f"the tag {tag} is not allowed; a suite is plain values"
            if isinstance(event, CollectionStartEvent):
                open_nodes.append((event.anchor, nodes - 1))
            elif event.anchor:
                sizes[event.anchor] = 1
        elif isinstance(event, CollectionEndEvent):
            anchor, before = open_nodes.pop()
            if anchor:
                sizes[anchor] = nodes - before
        if len(open_nodes) > MAX_DEPTH:
            return line, column, f"nested over {MAX_DEPTH} levels deep"
        if aliases > MAX_ALIASES:
            return line, column, f"over {MAX_ALIASES} aliases"
        if nodes > MAX_NODES:
            return line, column, f"over {MAX_NODES:,} values, aliases written out"
    return None
