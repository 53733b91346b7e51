"""`rlbench reproduce`: the suite that trains one finished run again."""

from __future__ import annotations

from pathlib import Path

import click

from rlbench.cli.run_argument import find_run, run_argument
from rlbench.cli.text_table import write_error, write_out
from rlbench.cli.user_paths import UserPath


@click.command()
@run_argument
@click.option(
    "-o",
    "--output",
    type=UserPath(path_type=Path, dir_okay=False),
    metavar="FILE.yaml",
    help="Write the suite to this file, which must not exist yet; default: print it.",
)
def reproduce(run: Path, output: Path | None) -> None:
    """Print a suite that repeats RUN, bit for bit if the machine and the code are the same.

    RUN is the path or the name of a folder in DIRECTORY/runs, or a unique part of that name. The suite
    sets one algorithm (all hyperparameters), one environment (arguments, wrappers, backend, evaluation), the seed, the
    device, and whether updates are compiled. Comments give the command, the commit, the versions and the machine that
    made the run. If the run's results depend on the other seeds that were trained with it, the suite has these
    seeds too.

    Nothing is trained or imported. Running the suite runs code that it names: read it first if the results are not
    yours.
    """
    from rlbench.verification.reproduction import reproduction

    store, spec, state = find_run(run)
    text = reproduction(store, spec, state, "SUITE.yaml" if output is None else str(output))
    if output is None:
        write_out(text)
        return
    try:
        with open(output, "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise click.UsageError(f"{output} exists already; choose another file or remove it") from error
    except OSError as error:
        raise click.UsageError(f"{output} cannot be written: {error.strerror}") from error
    write_error(f"suite: {output}")
