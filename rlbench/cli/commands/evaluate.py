"""`rlbench evaluate`: a new evaluation of a run's final policy."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rlbench.cli.common_options import open_plugins
from rlbench.cli.declared_options import plugin_option
from rlbench.cli.run_argument import find_run, run_argument
from rlbench.cli.suite_trust import allow_option, has_environment, suite_option
from rlbench.cli.text_table import aligned, plain, write_error, write_out
from rlbench.cli.user_paths import OutputPath
from rlbench.text import plural, significant

if TYPE_CHECKING:
    from rlbench.api import Run

SCHEMA_VERSION = 1
DIVERGED = 1


@click.command()
@run_argument
@click.option("--episodes", type=click.IntRange(1), help="Number of episodes; default: as in the final evaluation.")
@click.option(
    "--policy",
    type=click.Choice(["greedy", "sampled"]),
    help="Take the best action, or sample one from the policy; default: as in the suite.",
)
@click.option(
    "--video",
    type=OutputPath(path_type=Path),
    metavar="FILE.mp4|FOLDER",
    help="Record the first episodes to this file. For a folder, the file is named after the run; a missing folder is "
    "created. The report links to videos in DIRECTORY/videos. Requires the extra `video`.",
)
@click.option(
    "--video-episodes", default=1, show_default=True, type=click.IntRange(1), help="Number of episodes to record."
)
@click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON document, with the return and length of each episode."
)
@suite_option
@allow_option
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
    """Evaluate RUN's final policy again, in fresh environments, and print its mean return.

    RUN is the path or the name of a folder in DIRECTORY/runs, or a unique part of that name. Episodes begin from
    the same reset seeds, in the same order, as in the recorded final evaluation; extra episodes have new seeds. The
    last line says whether the recorded episodes were repeated exactly. The policy runs on one thread of the CPU.

    A result folder can name code, which is not trusted. An environment or wrapper that it names is created only if it
    comes with Gymnasium, an installed plugin or a file given with --plugin, unless --suite or --allow permits more.
    """
    from rlbench.api import Diverged
    from rlbench.reevaluation.reevaluate import reevaluate

    store, spec, state = find_run(run)
    video = _video_path(video, spec.name)
    open_plugins(plugin_files).find(spec.algorithm)  # fails here if the child process may not load the plugin
    protocol = spec.task.evaluation
    count = episodes or max(1, protocol.final_episodes)
    mode = policy or protocol.policy
    try:
        trusted = None if suite is not None and has_environment(suite, spec) else allowed
        evaluation = reevaluate(store, spec, state, count, mode, plugin_files, video, video_episodes, trusted)
    except Diverged as error:
        write_error(f"error: {error}" + (f"; the run {state.message}" if state.message else ""))
        raise click.exceptions.Exit(DIVERGED) from error
    document = {**_identity(spec), "policy": mode, "episodes": count, **_statistics(evaluation), **evaluation}
    write_out(json.dumps(document, indent=1) + "\n" if as_json else _text(spec, document))
    if video is not None:
        write_error(f"video: {video}")


def _video_path(video: Path | None, run: str) -> Path | None:
    """Return the path of the video, and create its folder.

    Raises: PluginError before anything is played if videos cannot be made; click.BadParameter for another file format.
    """
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
        "environment": run.task.name,
        "seed": run.seed,
    }


def _statistics(evaluation: Mapping[str, Any]) -> dict[str, float | None]:
    """Return statistics over the episodes.

    return_std has ddof 0, as in the records; the standard error has ddof 1, and is None for a single episode.
    """
    import numpy as np

    returns = np.array(evaluation["returns"])
    error = float(returns.std(ddof=1) / len(returns) ** 0.5) if len(returns) > 1 else None
    return {
        "return_mean": float(returns.mean()),
        "return_std": float(returns.std()),
        "return_standard_error": error,
        "return_min": float(returns.min()),
        "return_max": float(returns.max()),
        "length_mean": float(np.mean(evaluation["lengths"])),
    }


def _text(run: Run, document: Mapping[str, Any]) -> str:
    count = document["episodes"]
    meanings = {
        "return_mean": ("mean return", ""),
        "return_std": ("standard deviation", "over episodes"),
        "return_standard_error": ("standard error", "of this policy's mean; not the spread between seeds"),
        "return_min": ("smallest return", ""),
        "return_max": ("largest return", ""),
        "length_mean": ("mean length", "steps"),
    }
    rows = [(name, significant(document[key]), meaning) for key, (name, meaning) in meanings.items()]
    title = f"{plain(run.label or run.algorithm)} on {plain(run.task.name)}, seed {run.seed}"
    head = f"{title}: {document['policy']} policy, {plural(count, 'episode')}\n\n"
    return head + aligned(("", "", ""), rows, numbers=(1,)).lstrip("\n") + "\n" + _comparison(run, document)


def _comparison(run: Run, document: Mapping[str, Any]) -> str:
    """Return whether the recorded episodes were repeated exactly and, if not, which conditions have changed."""
    recorded, protocol = document["recorded_episodes"], run.task.evaluation
    if not recorded and document["policy"] != protocol.policy:
        return f"nothing to compare with: the recorded final evaluation used the {protocol.policy} policy\n"
    if not recorded:
        return "nothing to compare with: no final evaluation was recorded\n"
    which = "the first episode" if recorded == 1 else f"the first {recorded} episodes"
    if document["equal"]:
        return f"{which} of the recorded final evaluation: repeated exactly\n"
    text = f"{which} of the recorded final evaluation: not repeated exactly\n"
    changed = [
        f"  {name} was {plain(str(old))}, is {plain(str(new))}\n" for name, (old, new) in document["changed"].items()
    ]
    if not changed:
        return text + "code and numerics are as recorded: the algorithm or its environment is not deterministic\n"
    return text + "changed since the recording:\n" + "".join(changed)
