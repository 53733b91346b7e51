"""The commands of `rlbench`, grouped by purpose. A command's module is imported only when the command is used."""

from __future__ import annotations

import difflib
import importlib
from typing import NamedTuple

import click


class CommandEntry(NamedTuple):
    """One command of `rlbench`. module: the module in rlbench.cli.commands that defines the command.

    summary: the command's line in `rlbench --help`.
    """

    name: str
    module: str
    summary: str

    def load(self) -> click.Command:
        attribute = self.name.replace("-", "_")
        module = importlib.import_module(f"rlbench.cli.commands.{self.module}")
        command: click.Command = getattr(module, "import_results" if attribute == "import" else attribute)
        return command


SECTIONS: dict[str, tuple[CommandEntry, ...]] = {
    "Run a suite": (
        CommandEntry("run", "run", "train the unfinished runs, print the table, write the report"),
        CommandEntry("check", "check", "show what would run, why, and what it would cost"),
        CommandEntry("tune", "tune", "search hyperparameters with equal budgets, and test the choice on fresh seeds"),
        CommandEntry("status", "status", "show the progress of the runs; --watch keeps it up to date"),
    ),
    "Read results": (
        CommandEntry("view", "view", "show the report in the browser, renewed while the suite runs"),
        CommandEntry("table", "table", "print the scores with their intervals"),
        CommandEntry("report", "report", "write the HTML report, or the differences between two folders"),
        CommandEntry("show", "show", "show one run in full"),
        CommandEntry("logs", "show", "print the log of a run's process"),
        CommandEntry("evaluate", "evaluate", "evaluate a run's final policy again"),
        CommandEntry("verify", "verify", "train a run again and compare it bit for bit"),
        CommandEntry("reproduce", "reproduce", "print the suite that trains one run again"),
        CommandEntry("export", "export", "export results as tables or for another program"),
        CommandEntry("import", "import_results", "import results from CSV, Monitor files or TensorBoard"),
    ),
    "Look after results": (
        CommandEntry("doctor", "doctor", "find what is wrong with this machine or a result folder; mend the folder"),
        CommandEntry("gc", "gc", "free disk space: list files that are not needed, and delete them"),
        CommandEntry("compact", "compact", "pack the attempts of finished runs into archives"),
        CommandEntry("merge", "merge", "copy the runs of several result folders into one"),
    ),
    "Compare": (
        CommandEntry("compare", "compare", "compare algorithms, or two result folders"),
        CommandEntry("crossplay", "crossplay", "let the agents of each seed play with the agents of other seeds"),
        CommandEntry("power", "power", "estimate how many seeds are needed to show a difference"),
        CommandEntry("gate", "gate", "check new results for regressions, for CI"),
        CommandEntry("check-against", "check_against", "compare results with published scores"),
    ),
    "Extend rlbench": (
        CommandEntry("new", "new", "create an algorithm, environment, report section or suite to start from"),
        CommandEntry("test-plugin", "test_plugin", "check an algorithm against the rules"),
    ),
    "Look up": (
        CommandEntry("ls", "catalog", "list algorithms, environments, suites, executors, samplers or report sections"),
        CommandEntry("info", "catalog", "show an algorithm's hyperparameters"),
        CommandEntry("anchors", "anchors", "measure the score of trivial policies on a task"),
        CommandEntry("plugins", "catalog", "list the plugins and their problems"),
        CommandEntry("schema", "schema", "print the JSON schema of suite files, for editors"),
        CommandEntry("completion", "completion", "print a script for shell completion"),
    ),
}
_ENTRIES = {entry.name: entry for entries in SECTIONS.values() for entry in entries}


class SectionedGroup(click.Group):
    """A command group whose help lists the commands by purpose."""

    def list_commands(self, context: click.Context) -> list[str]:
        return list(_ENTRIES)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in self.commands and name in _ENTRIES:
            self.add_command(_ENTRIES[name].load(), name)
        return self.commands.get(name)

    def resolve_command(
        self, context: click.Context, arguments: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(context, arguments)
        except click.UsageError as error:  # click knows only the commands already loaded: no hint
            close = difflib.get_close_matches(arguments[0], _ENTRIES)
            hint = f" Did you mean {' or '.join(map(repr, close))}?" if close else ""
            raise click.UsageError(f"No such command {arguments[0]!r}.{hint}", context) from error

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        for title, entries in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(entry.name, entry.summary) for entry in entries])
