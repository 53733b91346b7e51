"""`rlbench completion`: a script that lets a shell complete rlbench's commands and options."""

from __future__ import annotations

import os
from pathlib import Path

import click

from rlbench.cli.text_table import write_out

SHELLS = ("bash", "zsh", "fish")


@click.command()
@click.argument("shell", type=click.Choice(SHELLS), required=False, metavar="[SHELL]")
@click.pass_context
def completion(context: click.Context, shell: str | None) -> None:
    """Print a script that lets SHELL (bash, zsh or fish) complete rlbench's commands and options.

    Without SHELL, the script is for the shell that the environment variable SHELL names.

    Write it to a file (you may have to create the folder first) and open a new shell:

    \b
    bash  rlbench completion bash > ~/.local/share/bash-completion/completions/rlbench
    fish  rlbench completion fish > ~/.config/fish/completions/rlbench.fish
    zsh   rlbench completion zsh > ~/.zfunc/_rlbench
          and in ~/.zshrc, before compinit: fpath+=~/.zfunc

    For bash without the package bash-completion, add to ~/.bashrc:

    \b
          eval "$(rlbench completion bash)"
    """
    from click.shell_completion import get_completion_class

    if shell is None:
        shell = Path(os.environ.get("SHELL", "")).name
        if shell not in SHELLS:
            raise click.UsageError(f"$SHELL ({shell!r}) is not a known shell; give one of {', '.join(SHELLS)}")
    root = context.find_root()
    shell_complete = get_completion_class(shell)
    assert shell_complete is not None  # click supports all SHELLS
    write_out(shell_complete(root.command, {}, "rlbench", "_RLBENCH_COMPLETE").source() + "\n")
