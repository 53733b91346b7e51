"""`rlbench schema`: the JSON schema of suite files, for editors."""

from __future__ import annotations

import json

import click

from rlbench.cli.text_table import write_out


@click.command()
def schema() -> None:
    """Print the JSON schema of suite files, for completion and checks in an editor.

    Save it with `rlbench schema > suite.schema.json`. An editor with a YAML language server then checks a suite whose
    first line is `# yaml-language-server: $schema=suite.schema.json`.
    """
    write_out(text())


def text() -> str:
    """Return the printed document, which is also stored beside the built-in suites."""
    from rlbench.suites import Suite

    document = {"$schema": "https://json-schema.org/draft/2020-12/schema", **Suite.model_json_schema()}
    return json.dumps(document, indent=1) + "\n"
