"""`rlbench evaluate`: a run's published policy in fresh evaluation environments."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rlbench.cli.common_options import open_plugins, plugin_option
from rlbench.cli.progress.lines import plural
from rlbench.cli.run_argument import find_run, run_argument
from rlbench.cli.text_table import aligned, plain, write_out
from rlbench.cli.user_paths import UserPath

if TYPE_CHECKING:
    from rlbench.api import Run

SCHEMA_VERSION = 1
DIVERGED = 1


@click.command()
@run_argument
@click.option("--episodes", type=click.IntRange(1), help="How many; default: as many as the final evaluation.")
@click.option(
    "--policy", type=click.Choice(["greedy", "sampled"]), help="Which actions it takes; default: as the suite says."
)
@click.option(
    "--video",
    type=UserPath(path_type=Path),
    metavar="FILE.mp4|FOLDER",
    help="Film the first episodes; in a folder, which is made: under the run's name. Those in DIRECTORY/videos are linked from the report. Needs the extra video.",
)
@click.option("--video-episodes", default=1, show_default=True, type=click.IntRange(1), help="How many are filmed.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document, with each episode's return and length.")
@click.option(
    "--suite",
    metavar="SUITE",
    help="The suite that RUN is of: what its environment imports is then trusted as in `run`.",
)
@click.option(
    "--allow",
    "allowed",
    multiple=True,
    metavar="MODULE",
    help="A module that RUN's environment or wrappers may import; may be repeated.",
)
@plugin_option
def evaluate(
    run: Path,
    episodes: int | None,
    policy: str | None,
    video: Path | None,
    video_episodes: int,
    as_json: bool,
    suite: str | None,
    allowed: Sequence[str],
    plugin_files: Sequence[str],
) -> None:
    """Play RUN's final policy in fresh evaluation environments and print its mean return. RUN is a folder in DIRECTORY/runs.

    Episodes are those of the final evaluation, in its order; beyond as many as it had they are new. Whether the first
    ones repeat what was recorded, bit for bit, is said in the last line. It is played on one thread of the CPU.

    A result folder is data: an environment or wrapper that it names is made only where it comes with Gymnasium, an installed
    plugin or a file of --plugin, unless --suite or --allow says otherwise.
    """
    from rlbench.api import Diverged
    from rlbench.reevaluation.reevaluate import reevaluate

    store, found, state = find_run(run)
    video = _film(video, found.name)
    open_plugins(plugin_files).find(found.algorithm)  # what may not be loaded here is not loaded in a child either
    protocol = found.task.evaluation
    count = episodes or max(1, protocol.final_episodes)
    mode = policy or protocol.policy
    try:
        trusted = None if suite is not None and _asks_for(suite, found) else allowed
        played = reevaluate(store, found, state, count, mode, plugin_files, video, video_episodes, trusted)
    except Diverged as error:
        click.echo(plain(f"error: {error}" + (f"; the run {state.message}" if state.message else "")), err=True)
        raise click.exceptions.Exit(DIVERGED) from error
    document = {**_identity(found), "policy": mode, "episodes": count, **_statistics(played), **played}
    write_out(json.dumps(document, indent=1) + "\n" if as_json else _text(found, document))
    if video is not None:
        click.echo(f"video: {video}", err=True)


def _asks_for(suite: str, run: Run) -> bool:
    """Whether a suite has the run's environment, with the same arguments and wrappers. Raises: SuiteError if not."""
    from rlbench.api import SuiteError, canonical
    from rlbench.cli.common_options import open_suite

    asked = open_suite(suite).suite.environments
    task = run.task
    wanted = canonical([task.kwargs, [[wrapper.name, wrapper.kwargs] for wrapper in task.wrappers]])
    for entry in asked:
        if entry is not None and entry.id == task.env_id:
            own = [entry.kwargs, [[wrapper.name, wrapper.kwargs] for wrapper in entry.wrappers]]
            if canonical(own) == wanted:
                return True
    raise SuiteError(f"{suite} does not ask for {task.env_id!r} as {run.name} has it, with its arguments and wrappers")


def _film(video: Path | None, run: str) -> Path | None:
    """Where the video goes; its folder is made. Raises: PluginError where it cannot be made, before anything is played."""
    from rlbench.reevaluation.video import need_ffmpeg
    from rlbench.results.file_io import make_folder

    if video is None:
        return None
    if video.is_dir() or not video.suffix:
        video = video / f"{run}.mp4"
    if video.suffix != ".mp4":
        raise click.BadParameter(f"{video} does not end in .mp4", param_hint="--video")
    need_ffmpeg()
    make_folder(video.parent)
    return video


def _identity(run: Run) -> dict[str, Any]:
    return {
        "schema_version": SCHEMA_VERSION,
        "run": run.name,
        "key": run.key,
        "algorithm": run.label or run.algorithm,
        "environment": run.task.env_id,
        "seed": run.seed,
    }


def _statistics(played: Mapping[str, Any]) -> dict[str, float | None]:
    """Over the episodes. return_std has ddof 0, as in the records; the standard error has ddof 1 and needs two."""
    import numpy as np

    returns = np.array(played["returns"])
    error = float(returns.std(ddof=1) / len(returns) ** 0.5) if len(returns) > 1 else None
    return {
        "return_mean": float(returns.mean()),
        "return_std": float(returns.std()),
        "return_standard_error": error,
        "return_min": float(returns.min()),
        "return_max": float(returns.max()),
        "length_mean": float(np.mean(played["lengths"])),
    }


def _text(run: Run, document: Mapping[str, Any]) -> str:
    count = document["episodes"]
    meanings = {
        "return_mean": ("mean return", ""),
        "return_std": ("standard deviation", "over episodes"),
        "return_standard_error": ("standard error", "of this policy's mean; it says nothing of other seeds"),
        "return_min": ("smallest return", ""),
        "return_max": ("largest return", ""),
        "length_mean": ("mean length", "steps"),
    }
    rows = [
        (name, "–" if document[key] is None else f"{document[key]:.6g}", meaning)
        for key, (name, meaning) in meanings.items()
    ]
    title = f"{plain(run.label or run.algorithm)} on {plain(run.task.env_id)}, seed {run.seed}"
    head = f"{title}: {document['policy']} policy, {plural(count, 'episode')}\n\n"
    return head + aligned(("", "", ""), rows, numbers=(1,)).lstrip("\n") + "\n" + _comparison(run, document)


def _comparison(run: Run, document: Mapping[str, Any]) -> str:
    """Whether the recorded episodes came out again, and what is not as it was where they did not."""
    recorded, protocol = document["recorded_episodes"], run.task.evaluation
    if not recorded and document["policy"] != protocol.policy:
        return f"nothing to compare with: the recorded final evaluation played the {protocol.policy} policy\n"
    if not recorded:
        return "nothing to compare with: no final evaluation was recorded\n"
    which = "the first episode is that" if recorded == 1 else f"the first {recorded} episodes are those"
    if document["equal"]:
        return f"{which} of the recorded final evaluation: equal\n"
    text = f"{which} of the recorded final evaluation, but they differ from what was recorded\n"
    changed = [
        f"  {name} was {plain(str(was))}, is {plain(str(now))}\n" for name, (was, now) in document["changed"].items()
    ]
    if not changed:
        return text + "code and numerics are as recorded: the algorithm or its environment does not repeat itself\n"
    return text + "not as recorded:\n" + "".join(changed)
