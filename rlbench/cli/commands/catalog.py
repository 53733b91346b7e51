"""`rlbench ls`, `info` and `plugins`: list what is installed, without training anything."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from rlbench.cli.common_options import open_plugins
from rlbench.cli.declared_options import plugin_option
from rlbench.cli.text_table import fitted, plain, write_error, write_out

if TYPE_CHECKING:
    from rlbench.plugins import Plugins

Rows = list[dict[str, Any]]
_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of a table.")


def _print(rows: Rows, as_json: bool) -> None:
    if as_json:
        write_out(json.dumps(rows, indent=1) + "\n")
    elif rows:
        header = list(rows[0])
        write_out(fitted(header, [[_cell(row[name]) for name in header] for row in rows]))


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return plain(", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value))


def _algorithms(plugins: Plugins) -> Rows:
    from rlbench.plugins import survey

    rows = []
    for offer in survey(plugins):
        for a in offer.algorithms:
            state = f"needs {', '.join(a['missing'])}" if a["missing"] else "ready"
            rows.append(
                {
                    "name": a["name"],
                    "actions": a["actions"],
                    "stacked": a["stackable"],
                    "resumes": a["resumable"],
                    "state": state,
                    "summary": a["summary"],
                }
            )
        if offer.error:
            rows.append(
                {
                    "name": offer.name,
                    "actions": [],
                    "stacked": False,
                    "resumes": False,
                    "state": "broken",
                    "summary": offer.error,
                }
            )
    return rows


def _environments(plugins: Plugins) -> Rows:
    import gymnasium

    specs = sorted(gymnasium.registry.values(), key=lambda spec: spec.id)
    return [
        {"name": s.id, "max_episode_steps": s.max_episode_steps or "", "solved_at": s.reward_threshold or ""}
        for s in specs
    ]


def _suites(plugins: Plugins) -> Rows:
    from rlbench.suites import builtin_suites, load_suite

    loaded = [load_suite(path) for path in builtin_suites().values()]
    return [
        {
            "name": s.name,
            "algorithms": [a.name for a in s.algorithms],
            "environments": [e.name for e in s.environments],
            "seeds": len(s.seeds),
        }
        for s in loaded
    ]


def _executors(plugins: Plugins) -> Rows:
    from rlbench.plugins import survey

    return [{"name": name, "distribution": offer.distribution} for offer in survey(plugins) for name in offer.executors]


def _samplers(plugins: Plugins) -> Rows:
    from rlbench.plugins import survey

    return [{"name": name, "distribution": offer.distribution} for offer in survey(plugins) for name in offer.samplers]


def _reports(plugins: Plugins) -> Rows:
    specs, problems = plugins.reports()
    for problem in problems:
        write_error(f"warning: {problem}")
    return [{"name": spec.name, "title": spec.title, "order": spec.order} for spec in specs]


KINDS: dict[str, Callable[[Plugins], Rows]] = {
    "algorithms": _algorithms,
    "environments": _environments,
    "suites": _suites,
    "executors": _executors,
    "samplers": _samplers,
    "reports": _reports,
}


@click.command()
@click.argument("kind", type=click.Choice(list(KINDS)))
@_json
@plugin_option
def ls(kind: str, as_json: bool, plugin_files: Sequence[str]) -> None:
    """List the available algorithms, environments, suites, executors, curriculum samplers or report sections."""
    _print(KINDS[kind](open_plugins(plugin_files)), as_json)


@click.command()
@_json
@plugin_option
def plugins(as_json: bool, plugin_files: Sequence[str]) -> None:
    """Show every plugin: its distribution, the hooks it implements, what it offers, and whether it can be used."""
    from rlbench.plugins import survey

    rows: Rows = [
        {
            "plugin": offer.name,
            "distribution": offer.distribution,
            "version": offer.version,
            "hooks": [hook.removeprefix("rlbench_") for hook in offer.hooks],
            "offers": offer.names if as_json else _abbreviated(offer.names),
            "state": offer.state,
        }
        for offer in survey(open_plugins(plugin_files))
    ]
    _print(rows, as_json)


def _abbreviated(names: Sequence[str]) -> list[str]:
    return list(names) if len(names) < 4 else [*names[:2], f"{len(names) - 2} more"]


@click.command()
@click.argument("algorithm")
@_json
@plugin_option
def info(algorithm: str, as_json: bool, plugin_files: Sequence[str]) -> None:
    """Show an algorithm's hyperparameters: default, allowed range, meaning.

    If Stable-Baselines3 is installed, the defaults of its algorithm of the same name are shown too, marked ≠ where they
    differ.
    """
    from rlbench.cli.projects.sb3_defaults import sb3_defaults
    from rlbench.plugins import resolve
    from rlbench.plugins.survey import ACTION_KINDS
    from rlbench.text import join_names

    loaded = open_plugins(plugin_files)
    (resolved,) = resolve(loaded, [(algorithm, None)])
    if isinstance(resolved, Exception):
        raise resolved
    theirs = sb3_defaults(loaded, resolved)
    if as_json:
        differ = [e["name"] for e in resolved.schema if e["name"] in theirs and theirs[e["name"]] != e["default"]]
        write_out(json.dumps({**asdict(resolved), "sb3": theirs, "unlike_sb3": differ}, indent=1) + "\n")
        return
    plugin = loaded.find(algorithm)
    kinds = [kind.replace("_", "-") for kind in ACTION_KINDS if vars(resolved.supports)[kind]]
    actions = " and ".join([", ".join(kinds[:-1]), kinds[-1]] if len(kinds) > 1 else kinds)
    stacked = "trains its seeds together" if resolved.stackable else "trains one seed per process"
    resumes = "resumes exactly" if resolved.resumable else "restarts when interrupted"
    write_out(f"{resolved.name} ({plugin.distribution} {plugin.version}): {actions} actions; {stacked}; {resumes}\n")
    if resolved.missing:
        write_out(f'needs {", ".join(resolved.missing)}: pip install "rlbench[{resolved.extra}]"\n')
        return
    rows: Rows = [
        {
            "parameter": e["name"],
            "default": e["default"],
            **({"SB3": _beside(e, theirs)} if theirs else {}),
            "range": _limits(e),
            "meaning": e["doc"],
        }
        for e in resolved.schema
    ]
    if resolved.per_seed:
        write_out(f"settings that differ only in {join_names(resolved.per_seed)} train together\n")
    write_out("\n" if rows else "it has no parameters\n")
    _print(rows, as_json=False)


def _beside(entry: Any, theirs: Mapping[str, Any]) -> str:
    name = entry["name"]
    if name not in theirs:
        return ""
    return ("" if theirs[name] == entry["default"] else "≠ ") + _cell(theirs[name])


def _limits(entry: Any) -> str:
    signs = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}
    if entry["type"].startswith("Literal["):
        return str(entry["type"].removeprefix("Literal[").rstrip("]").replace("'", ""))
    limits = [f"{signs[key]} {value}" for key, value in entry["limits"].items()]
    return ", ".join([*limits, *(["< steps"] if entry.get("below_steps") else [])])
