"""The table of commands: each entry is a command of that name, none is missing, and help imports none."""

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import click
import pytest

from rlbench.cli import commands
from rlbench.cli.command_group import SECTIONS
from rlbench.cli.main import cli

ENTRIES = [entry for entries in SECTIONS.values() for entry in entries]


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_an_entry_is_the_command_of_its_name(entry):
    assert entry.load().name == entry.name
    with click.Context(cli) as context:
        assert cli.get_command(context, entry.name) is entry.load()


def test_every_command_has_an_entry():
    listed = {entry.load() for entry in ENTRIES}
    for path in Path(commands.__file__).parent.glob("*.py"):
        module = import_module(f"rlbench.cli.commands.{path.stem}")
        own = {value for value in vars(module).values() if isinstance(value, click.Command)}
        groups = {sub for value in own | listed if isinstance(value, click.Group) for sub in value.commands.values()}
        assert own - groups <= listed, path


def test_help_lists_every_command_and_imports_none():
    code = "import sys; sys.argv = ['rlbench', '--help']; from rlbench.cli.main import cli\n"
    code += "cli.main(standalone_mode=False); print([m for m in sys.modules if m.startswith('rlbench.cli.commands')])"
    shown = subprocess.check_output([sys.executable, "-c", code], text=True)
    assert all(f"  {entry.name} " in shown and entry.summary[:40] in shown for entry in ENTRIES)
    assert shown.endswith("[]\n")


def test_a_mistyped_command_gets_the_nearest_names():
    with pytest.raises(click.UsageError, match="No such command 'rnu'. Did you mean 'run'?"):
        cli.main(["rnu"], standalone_mode=False)
    with pytest.raises(click.UsageError, match="No such command 'xyzzy'.$"):
        cli.main(["xyzzy"], standalone_mode=False)
