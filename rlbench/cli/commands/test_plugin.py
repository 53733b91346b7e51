"""`rlbench test-plugin`: the rules that an algorithm keeps, tried on it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import click

from rlbench.cli.common_options import open_plugins, plugin_option
from rlbench.cli.text_table import plain, width, write_out

SCHEMA_VERSION = 1
BROKEN = 1
READ_ON = "docs/rules.md"


def _seconds(context: click.Context, parameter: click.Parameter, value: str) -> float:
    from rlbench.suites import seconds

    try:
        return seconds(value) or 0.0
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


@click.command("test-plugin")
@click.argument("algorithm")
@click.option("--set", "settings", multiple=True, metavar="PARAM=VALUE", help="A hyperparameter; may be repeated.")
@click.option(
    "--steps", default=2_000, show_default=True, type=click.IntRange(20), help="Environment steps of a short run."
)
@click.option(
    "--learn-steps",
    default=5_000,
    show_default=True,
    type=click.IntRange(100),
    help="Of one that has to learn something.",
)
@click.option("--rule", "rules", multiple=True, help="Only this rule; may be repeated.")
@click.option("--timeout", default="10m", show_default=True, callback=_seconds, help="Longest time of a rule.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@plugin_option
def test_plugin(
    algorithm: str,
    settings: Sequence[str],
    steps: int,
    learn_steps: int,
    rules: Sequence[str],
    timeout: float,
    as_json: bool,
    plugin_files: Sequence[str],
) -> None:
    """Try the rules that every algorithm keeps on ALGORITHM and say which it breaks.

    It is played on small tasks, with its own defaults unless --set says otherwise; small networks and short warm-ups
    (--set warmup=100) make that quick. What it does not claim (stackable, resumable, reproducible, bootstraps) is not asked.
    Exit code 1 if a rule is broken.
    """
    from rlbench.executors.rule_processes import RULES, Trial, put_to_rules
    from rlbench.messages import nearest
    from rlbench.suites import value_of

    for rule in rules:
        if rule not in RULES:
            raise click.BadParameter(f"no rule {rule!r}{nearest(rule, list(RULES)) or '; known: ' + ', '.join(RULES)}")
    params = dict(value_of(setting, algorithm) for setting in settings)
    told: list[Any] = []
    chosen = [rule for rule in RULES if not rules or rule in rules]
    how = Trial(steps, learn_steps, timeout, tuple(plugin_files))
    for verdict in put_to_rules(open_plugins(plugin_files), algorithm, params, chosen, how):
        told.append(verdict)
        if not as_json:
            _say(verdict, RULES[verdict.rule])
    broken = [verdict.rule for verdict in told if not verdict.kept]
    if as_json:
        rows = [{**asdict(v), "means": RULES[v.rule], "read": f"{READ_ON}#{v.rule}"} for v in told]
        document = {"schema_version": SCHEMA_VERSION, "algorithm": algorithm, "broken": broken, "rules": rows}
        write_out(json.dumps(document, indent=1) + "\n")
    else:
        asked = sum(verdict.verdict != "not claimed" for verdict in told)
        kept = (
            f"{algorithm} keeps "
            + (f"all {asked} rules that it claims" if asked != 1 else "the one rule that it claims")
            if not broken
            else f"{algorithm} breaks {', '.join(broken)}"
        )
        write_out(f"\n{kept}\n")
    if broken:
        raise click.exceptions.Exit(BROKEN)


def _say(verdict: Any, means: str) -> None:
    line = f"{verdict.verdict:<12} {verdict.rule:<14} {plain(verdict.seen)}"
    write_out(line[: None if len(line) <= width() or not verdict.kept else width()].rstrip() + "\n")
    if not verdict.kept:
        write_out(f"{'':<12} the rule: {means}\n{'':<12} read on: {READ_ON}#{verdict.rule}\n")
