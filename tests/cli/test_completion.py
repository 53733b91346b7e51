"""`rlbench completion`: scripts that the shells take and that complete."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import sys
from rlbench.cli import main
sys.exit(main.invoke(sys.argv[1:]))
"""


def completion(*arguments, **environment):
    command = [sys.executable, "-c", PROGRAM, "completion", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env={**os.environ, **environment})


def test_bash_completes_commands_and_options_with_the_script():
    script = completion("bash")
    assert script.returncode == 0 and script.stderr == ""
    assert subprocess.run(["bash", "-n"], input=script.stdout, text=True).returncode == 0
    program = Path(sys.executable).with_name("rlbench")
    asks = """
complete -p rlbench
for words in "rlbench sta" "rlbench status --js"; do
    COMP_WORDS=($words) COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) COMPREPLY=()
    _rlbench_completion %s
    echo "${COMPREPLY[@]}"
done
"""
    ran = subprocess.run(["bash", "--norc", "-c", script.stdout + asks % program], capture_output=True, text=True)
    assert ran.stdout.splitlines() == ["complete -o nosort -F _rlbench_completion rlbench", "status", "--json"], (
        ran.stderr
    )


@pytest.mark.parametrize(
    ("shell", "line"), [("zsh", "#compdef rlbench"), ("fish", "complete --no-files --command rlbench")]
)
def test_zsh_and_fish_have_scripts_of_their_own(shell, line):
    script = completion(shell).stdout
    assert (
        any(found.startswith(line) for found in script.splitlines()) and f"_RLBENCH_COMPLETE={shell}_complete" in script
    )
    if shutil.which(shell):
        assert subprocess.run([shell, "-n"], input=script, text=True).returncode == 0


def test_the_shell_is_taken_from_the_environment_or_asked_for():
    assert completion(SHELL="/usr/local/bin/fish").stdout == completion("fish").stdout
    for shell in ("/bin/tcsh", ""):
        ran = completion(SHELL=shell)
        assert ran.returncode == 2 and ran.stdout == "" and "give one of bash, zsh, fish" in ran.stderr
    assert completion("tcsh").returncode == 2


def test_the_help_says_where_to_put_the_script():
    text = completion("--help").stdout
    for place in (
        "~/.local/share/bash-completion/completions/rlbench",
        "~/.zfunc/_rlbench",
        "~/.config/fish/completions",
    ):
        assert place in text
