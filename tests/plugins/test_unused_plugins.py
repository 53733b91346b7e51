"""Installed plugins that no suite names: their code does not run, however they behave when they are imported."""

from pathlib import Path

import pytest
from support.cli import rlbench
from support.installation import GOOD, install

from rlbench.plugins import load_plugins, resolve

MARK = "import os\nopen(os.path.join({folder!r}, 'imported-{name}'), 'a').close()\n"
# What each does when it is imported.
DEEDS = {
    "prints": "print('x' * 100_000)",
    "waits": "import threading; threading.Event().wait()",
    "exits": "raise SystemExit(0)",
    "ends": "os._exit(3)",
    "hooks": "import sys; sys.excepthook = sys.displayhook = None; sys.settrace(lambda *_: 1 / 0); sys.meta_path.clear()",
}
SUITE = "{name: s, algorithms: [random], environments: [{id: CartPole-v1, steps: 40}], seeds: 1, evaluation: {episodes: 2, final_episodes: 3}}"


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Install one distribution for each deed, with an algorithm of its name; return which have been imported."""
    site = tmp_path / "site"
    for name, deed in DEEDS.items():
        source = MARK.format(folder=str(tmp_path), name=name) + deed + "\n" + GOOD.format(name=name)
        install(site, f"{name}-agent", name, source)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.setenv("PYTHONPATH", str(site))
    monkeypatch.setenv("RLBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("RLBENCH_NO_REPORT")
    Path("s.yaml").write_text(SUITE)
    return lambda: sorted(path.name.removeprefix("imported-") for path in tmp_path.glob("imported-*"))


def test_no_command_imports_what_the_suite_does_not_name(installed):
    for arguments in (
        ["check", "s.yaml"], ["run", "s.yaml", "-o", "out"], ["table", "out"], ["status", "out"], ["info", "random"],
    ):  # fmt: skip
        ran = rlbench(*arguments)
        assert ran.returncode == 0, (arguments, ran.stderr)
    assert Path("out/report.html").exists() and installed() == []


@pytest.mark.parametrize("how", ["option", "variable", "variable with others"])
def test_what_may_not_be_loaded_is_not_imported_even_to_be_listed(installed, how):
    only = {"option": None, "variable": "random", "variable with others": "random, prints"}[how]
    arguments = ["--no-plugins"] if only is None else []
    ran = rlbench(*arguments, "plugins", **({} if only is None else {"RLBENCH_PLUGINS": only}))
    assert ran.returncode == 0 and "gymnasium" in ran.stdout
    assert installed() == [name for name in DEEDS if f"{name}-agent" in ran.stdout]
    assert installed() == (["prints"] if how == "variable with others" else [])


def test_one_that_is_named_costs_its_own_pairs_and_nothing_else(installed):
    Path("s.yaml").write_text(SUITE.replace("[random]", "[random, exits, ends, hooks]"))
    ran = rlbench("run", "s.yaml", "-o", "out", "--no-report")
    assert ran.returncode == 1 and "random on CartPole-v1, seed 0: done" in ran.stderr
    for name, said in (("exits", "SystemExit: 0"), ("ends", "ended its process with code 3 at import")):
        assert f"failed: {name} on CartPole-v1: plugin '{name}' of {name}-agent" in ran.stderr and said in ran.stderr
    assert "failed: hooks on CartPole-v1: " in ran.stderr
    assert "prints" not in installed() and "waits" not in installed()


def test_one_that_hangs_is_waited_for_no_longer_than_the_limit(installed, monkeypatch):
    monkeypatch.setattr("rlbench.plugins.resolution.TIME_LIMIT_SECONDS", 0.5)
    (answer,) = resolve(load_plugins(), [("waits", {})])
    assert str(answer) == "plugin 'waits' of waits-agent took over 0.5 s to import"
