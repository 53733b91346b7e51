"""`rlbench completion`: what a shell needs to complete rlbench's commands and options."""

from __future__ import annotations

import os
from pathlib import Path

import click

from rlbench.cli.text_table import write_out

SHELLS = ("bash", "zsh", "fish")


@click.command()
@click.argument("shell", type=click.Choice(SHELLS), required=False)
@click.pass_context
def completion(context: click.Context, shell: str | None) -> None:
    """Print what SHELL needs to complete rlbench's commands and options; default: the shell in $SHELL.

    Put it in a file (its folder may have to be made first) and open a new shell:

    \b
    bash  rlbench completion bash > ~/.local/share/bash-completion/completions/rlbench
    fish  rlbench completion fish > ~/.config/fish/completions/rlbench.fish
    zsh   rlbench completion zsh > ~/.zfunc/_rlbench
          and in ~/.zshrc, before compinit: fpath+=~/.zfunc

    Or, without the package bash-completion, in ~/.bashrc:

    \b
          eval "$(rlbench completion bash)"
    """
    from click.shell_completion import get_completion_class

    if shell is None:
        shell = Path(os.environ.get("SHELL", "")).name
        if shell not in SHELLS:
            raise click.UsageError(f"cannot tell the shell from $SHELL ({shell!r}); say {', '.join(SHELLS)}")
    root = context.find_root()
    found = get_completion_class(shell)
    assert found is not None  # click knows these three
    write_out(found(root.command, {}, "rlbench", "_RLBENCH_COMPLETE").source() + "\n")
