"""The options of `rlbench run` and `rlbench.run`, each declared once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rlbench.option_declarations import Kind, Use, names_used_for, option
from rlbench.suite_options import SuiteOptions


@dataclass(frozen=True)
class RunOptions(SuiteOptions):
    """Options for running a suite, in the order of the help. stop_after: seconds. profile: it changes no result."""

    detach: bool = option(
        False,
        "--detach",
        "Return once the groups are submitted (with --executor slurm). The same command without --detach watches them.",
        Use.TRAINING,
    )
    retries: int = option(
        1, "--retries", "How many times to restart a group whose process was killed.", Use.TRAINING, at_least=0
    )
    until_decided: bool = option(
        False,
        "--until-decided",
        "Add seeds in batches and test after each batch, until every pair of algorithms is decided (one is better, or "
        "both are equivalent) or the maximum is reached. The exit code is 0 if all runs are done, decided or not.",
        Use.COMMAND,
    )
    alpha: float | None = option(
        None,
        "--alpha",
        'Family-wise error rate of all "better" verdicts, and separately of all "equivalent" verdicts (with '
        "--until-decided; default: 0.05).",
        Use.DESIGN,
    )
    margin: float | None = option(
        None,
        "--margin",
        "Largest difference at which algorithms count as equivalent (with --until-decided; default: 0.05 on normalised "
        "scores; raw scores have no default). With 0, or on raw scores without --margin, no pair is called equivalent.",
        Use.DESIGN,
        at_least=0,
    )
    statistic: str | None = option(
        None,
        "--statistic",
        "Statistic of the runs' scores to compare (with --until-decided; default: mean).",
        Use.DESIGN,
        choices=("mean", "iqm"),
    )
    group_size: int | None = option(
        None,
        "--group-size",
        "Number of seeds to add before each test (with --until-decided; default: 5).",
        Use.DESIGN,
        at_least=2,
    )
    looks: int | None = option(
        None,
        "--looks",
        "Maximum number of tests, one after each batch of seeds (with --until-decided; default: 6).",
        Use.DESIGN,
        at_least=1,
    )
    stop_after: float | None = option(
        None,
        "--stop-after",
        "Stop the command after this time (such as 8h) in the way Ctrl-C does.",
        Use.TRAINING,
        Kind.DURATION,
        metavar="DURATION",
    )
    log: tuple[str, ...] = option(
        (),
        "--log",
        "Also write metrics, episodes and evaluations for another viewer while the suite runs: tensorboard, wandb, or "
        "a logger from a plugin; may be repeated.",
        Use.TRAINING,
        metavar="NAME",
    )
    strict: bool = option(
        False,
        "--strict",
        "Refuse a result folder if some of its runs were trained with other code or settings than now.",
        Use.TRAINING,
    )
    profile: bool = option(
        False,
        "--profile",
        "Measure where the training time goes, for `rlbench show` and the report.",
        Use.TRAINING,
    )
    dry_run: bool = option(False, "--dry-run", "Show what would be done, and train nothing.", Use.COMMAND)
    no_report: bool = option(
        False, "--no-report", "Do not write report.html.", Use.COMMAND, variable="RLBENCH_NO_REPORT"
    )
    as_json: bool = option(False, "--json", "Print events as JSON, one per line, instead of the table.", Use.COMMAND)
    quiet: bool = option(False, "-q --quiet", "Show no progress.", Use.COMMAND)
    verbose: bool = option(False, "-v --verbose", "Print a line for every evaluation.", Use.COMMAND)

    @property
    def design(self) -> dict[str, Any]:
        """The parts of the design of --until-decided, by name. A part that is not given is None."""
        return {name: getattr(self, name) for name in names_used_for(type(self), Use.DESIGN)}
