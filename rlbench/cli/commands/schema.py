"""`rlbench schema`: what a suite file may say, as a JSON schema for editors."""

from __future__ import annotations

import json

import click

from rlbench.cli.text_table import write_out


@click.command()
def schema() -> None:
    """Print the JSON schema of suite files, for completion and checks while typing.

    An editor with a YAML language server takes it from a first line such as
    `# yaml-language-server: $schema=suite.schema.json`.
    """
    write_out(text())


def text() -> str:
    """The document that is printed, and that lies beside the shipped suites."""
    from rlbench.suites import Suite

    document = {"$schema": "https://json-schema.org/draft/2020-12/schema", **Suite.model_json_schema()}
    return json.dumps(document, indent=1) + "\n"
