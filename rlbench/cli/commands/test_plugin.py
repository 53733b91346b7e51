"""`rlbench test-plugin`: a check of an algorithm against the rules."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from rlbench.cli.common_options import open_plugins
from rlbench.cli.declared_options import plugin_option
from rlbench.cli.text_table import plain, width, write_out

if TYPE_CHECKING:
    from rlbench.executors.rule_processes import RuleResult

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
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="PARAM=VALUE",
    help="Hyperparameter, such as learning_rate=1e-3, to use instead of its default; may be repeated.",
)
@click.option(
    "--steps",
    default=2_000,
    show_default=True,
    type=click.IntRange(20),
    help="Environment steps of a training run, for most rules; raised to three rollouts of ALGORITHM if it is less.",
)
@click.option(
    "--learn-steps",
    default=5_000,
    show_default=True,
    type=click.IntRange(100),
    help="Environment steps for the rules that check learning.",
)
@click.option("--rule", "rules", multiple=True, help="Check only this rule; may be repeated.")
@click.option("--timeout", default="10m", show_default=True, callback=_seconds, help="Time limit per rule.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of text.")
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
    """Check ALGORITHM against the rules that every algorithm has to keep, and print the rules that it breaks.

    ALGORITHM is trained on small tasks, with its default hyperparameters unless --set changes them. Small networks and
    short warm-ups (--set learning_starts=100) make this faster. Four properties are checked only if ALGORITHM
    claims them: stackable (seeds train as one batch), resumable, reproducible, and bootstraps (the target at a
    truncation includes the value of the episode's last observation). docs/rules.md explains each rule.
    Exit code 1 if a rule is broken.
    """
    from rlbench.executors.rule_processes import RULES, TrialConfig, check_rules
    from rlbench.messages import nearest
    from rlbench.suites import value_of

    for rule in rules:
        if rule not in RULES:
            raise click.BadParameter(f"no rule {rule!r}{nearest(rule, list(RULES)) or '; known: ' + ', '.join(RULES)}")
    params = dict(value_of(setting, algorithm) for setting in settings)
    results: list[RuleResult] = []
    selected = [rule for rule in RULES if not rules or rule in rules]
    trial = TrialConfig(steps, learn_steps, timeout, tuple(plugin_files))
    for result in check_rules(open_plugins(plugin_files), algorithm, params, selected, trial):
        results.append(result)
        if not as_json:
            _print_result(result, RULES[result.rule])
    broken = [result.rule for result in results if not result.passes]
    if as_json:
        rows = [{**asdict(r), "means": RULES[r.rule], "read": f"{READ_ON}#{r.rule}"} for r in results]
        document = {"schema_version": SCHEMA_VERSION, "algorithm": algorithm, "broken": broken, "rules": rows}
        write_out(json.dumps(document, indent=1) + "\n")
    else:
        write_out(f"\n{algorithm} {_summary(results, broken)}\n")
    if broken:
        raise click.exceptions.Exit(BROKEN)


def _summary(results: Sequence[RuleResult], broken: Sequence[str]) -> str:
    if broken:
        return f"breaks {', '.join(broken)}"
    claimed = sum(result.verdict != "not claimed" for result in results)
    return f"keeps all {claimed} rules that it claims" if claimed != 1 else "keeps the one rule that it claims"


def _print_result(result: RuleResult, requirement: str) -> None:
    line = f"{result.verdict:<12} {result.rule:<14} {plain(result.seen)}"
    write_out(line[: None if len(line) <= width() or not result.passes else width()].rstrip() + "\n")
    if not result.passes:
        write_out(f"{'':<12} the rule: {requirement}\n{'':<12} details: {READ_ON}#{result.rule}\n")
