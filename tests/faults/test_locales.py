"""Locales that print few characters, and names of files that are no text: neither costs a run, a command or a result."""

import ast
import importlib.util
import os
from pathlib import Path

import pytest
from support.cli import rlbench

import rlbench as harness

ROOT = Path(__file__).parents[2]
FEW_CHARACTERS = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
PLUGIN = """
from rlbench import Algorithm, AlgorithmSpec, Supports, hookimpl

print("imported – \\ud800")

class Talks(Algorithm):
    def act(self, obs):
        print("acts – \\ud800")
        return (obs[..., 2] > 0).astype(int)
    def train(self, interaction):
        interaction.reset()
        while not interaction.finished:
            interaction.step(self.act(interaction.obs))

@hookimpl
def rlbench_algorithms(): return [AlgorithmSpec("talks", Talks, Supports(discrete=True))]
"""
ENVIRONMENT = """
import gymnasium
from gymnasium.envs.classic_control import CartPoleEnv

print("imported – \\ud800")

class Talks(CartPoleEnv):
    def reset(self, **options):
        print("begins – \\ud800")
        return super().reset(**options)

gymnasium.register("Talks-v0", Talks, max_episode_steps=20)
"""
SUITE = """
name: s
algorithms: [talks]
environments: [{id: CartPole-v1, steps: 40}]
seeds: 1
evaluation: {every: 0, final_episodes: 2}
"""
FORMATS = ("parquet", "huggingface", "traces")


def test_what_a_plugin_prints_ends_it_in_no_locale(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    Path("s.yaml").write_text(SUITE.replace("CartPole-v1", "talking:Talks-v0"))
    Path("talks.py").write_text(PLUGIN)
    Path("talking.py").write_text(ENVIRONMENT)
    variables = {**FEW_CHARACTERS, "RLBENCH_CACHE": str(tmp_path / "cache")}
    ran = rlbench("run", "s.yaml", "-o", "out", "--plugin", "talks.py", **variables)
    assert ran.returncode == 0, ran.stderr
    (run,) = Path("out/runs").iterdir()
    played = rlbench("evaluate", run, "--plugin", "talks.py", "--allow", "talking", **variables)
    assert played.returncode == 0 and "repeated exactly" in played.stdout, played.stderr
    assert "acts – \\ud800\n" in rlbench("logs", run, "--stdout").stdout


@pytest.fixture
def odd(tmp_path):
    """A folder whose name is not UTF-8."""
    place = Path(os.fsdecode(os.fsencode(tmp_path) + b"/r\xe9s\xff"))
    try:
        place.mkdir()
    except OSError:
        pytest.skip("this file system stores names in UTF-8 only")
    return place


def named(folder, name):
    return folder / os.fsdecode(name)


def test_a_run_is_published_and_kept_whatever_its_folder_and_its_plugin_are_called(odd):
    suite, plugin, out = named(odd, b"s\xff.yaml"), named(odd, b"pl\xff ug.py"), named(odd, b"out\xff")
    suite.write_text(SUITE)
    plugin.write_text(PLUGIN)
    command = (suite, "--plugin", plugin, "-o", out)
    ran = rlbench("run", *command)
    assert ran.returncode == 0, ran.stderr
    checked = rlbench("check", *command)
    assert "1 run, 0 to do" in checked.stdout and "different code" not in checked.stdout
    assert rlbench("report", out).returncode == 0 and "talks" in (out / "report.html").read_text("utf-8")
    for form in FORMATS:
        trusted = ("--plugin", plugin) if form == "traces" else ()
        told = rlbench("export", out, "--to", form, *trusted)
        assert told.returncode == 0, (form, told.stderr)
    if importlib.util.find_spec("tensorboard"):
        told = rlbench("export", out, "--to", "tensorboard")
        assert told.returncode == 73 and "tensorboard writes only to paths in UTF-8" in told.stderr


def test_an_imported_run_is_the_same_run_when_it_is_read_back(odd):
    rows = "algorithm,environment,seed,step,return\n" + "".join(f"mine,CartPole-v1,0,{i},{i}\n" for i in range(1, 9))
    named(odd, b"i\xff.csv").write_text(rows)
    command = ("import", named(odd, b"i\xff.csv"), "-o", named(odd, b"out\xff"))
    assert rlbench(*command).returncode == 0
    frame = harness.load(named(odd, b"out\xff")).runs()
    assert frame["status"].tolist() == ["done"] and frame["score"].notna().all()
    assert "already there" in rlbench(*command).stderr


def _in_the_locales_encoding(call):
    """Return whether a call reads or writes text without naming its encoding."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    constants = [
        value.value for value in (*call.args, *(k.value for k in call.keywords)) if isinstance(value, ast.Constant)
    ]
    if "utf-8" in constants:
        return False
    if isinstance(call.func, ast.Attribute) and name in ("read_text", "write_text"):
        return True
    if isinstance(call.func, ast.Name) and name == "open":
        return not any(isinstance(mode, str) and "b" in mode for mode in constants)
    return any(keyword.arg in ("text", "universal_newlines") for keyword in call.keywords) and name in ("run", "Popen")


def test_no_text_is_read_or_written_in_the_encoding_of_the_locale():
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}: {ast.unparse(node)}"
        for folder in ("rlbench", "plugins")
        for path in sorted((ROOT / folder).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_bytes()))
        if isinstance(node, ast.Call) and _in_the_locales_encoding(node)
    ]
    assert not found, "\n".join(found)
