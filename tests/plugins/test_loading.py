"""Plugins are named from metadata, loaded one at a time, and a broken one is a value."""

import os
import subprocess
import sys
import tomllib
from importlib.metadata import distribution
from pathlib import Path

import pytest
from support.installation import GOOD, install

from rlbench import Supports
from rlbench.api import BrokenPlugin, PluginError
from rlbench.cli.common_options import open_plugins
from rlbench.plugins import Resolved, load_plugins, resolve, survey

ROOT = Path(__file__).parents[2]


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A folder of installed distributions, for this process and its children."""
    folder = tmp_path / "site"
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setenv("PYTHONPATH", str(folder))
    monkeypatch.setenv("RLBENCH_CACHE", str(tmp_path / "cache"))
    return folder


def test_the_installed_entry_points_are_those_of_pyproject():
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]["rlbench"]
    installed = {e.name: e.value for e in distribution("rlbench").entry_points if e.group == "rlbench"}
    assert installed == declared, "entry points freeze at install: install again (make install)"


def test_naming_plugins_imports_none():
    code = "import sys; from rlbench.plugins import load_plugins; names = {p.name for p in load_plugins().plugins}; assert {'dqn', 'sb3'} <= names; print('rlbench_dqn' in sys.modules, 'torch' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).split() == ["False", "False"]


def test_a_plugin_broken_at_import_is_named_and_leaves_the_others_working(site):
    install(site, "broken-agent", "broken", "import module_that_does_not_exist")
    install(site, "good-agent", "good", GOOD.format(name="good"))
    plugins = load_plugins()
    answers = resolve(plugins, [("broken", {}), ("good", {}), ("random", {})])
    assert (
        isinstance(answers[0], PluginError)
        and "broken-agent 1.0" in str(answers[0])
        and "module_that_does_not_exist" in str(answers[0])
    )
    assert isinstance(answers[1], Resolved) and isinstance(answers[2], Resolved)
    assert plugins.algorithm("good").supports == Supports(discrete=True)


def test_a_suite_without_the_broken_plugin_runs(site, tmp_path):
    install(site, "broken-agent", "broken", "raise SystemExit(0)")
    install(site, "good-agent", "good", GOOD.format(name="good"))
    suite = tmp_path / "s.yaml"
    suite.write_text("{name: s, algorithms: [good], environments: [{id: CartPole-v1, steps: 50}], seeds: 1}")
    command = [sys.executable, "-m", "rlbench.cli.main", "run", str(suite), "-o", str(tmp_path / "out")]
    ran = subprocess.run(command, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    suite.write_text(suite.read_text().replace("[good]", "[good, broken]"))
    ran = subprocess.run(command, capture_output=True, text=True)
    assert ran.returncode == 1 and "failed: broken on CartPole-v1: plugin 'broken' of broken-agent" in ran.stderr
    assert "1 run, 0 to do" in ran.stderr


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("import os; os._exit(0)", "ended its process with code 0"),
        ("import ctypes; ctypes.string_at(0)", "ended its process with code -11"),
    ],
)
def test_a_plugin_that_ends_its_process_costs_an_error_only(site, source, said):
    install(site, "odd-agent", "odd", source)
    (answer,) = resolve(load_plugins(), [("odd", {})])
    assert isinstance(answer, PluginError) and said in str(answer)


def test_one_distributions_plugins_are_asked_together_and_one_that_ends_the_process_spoils_no_other(site, monkeypatch):
    install(site, "odd-agents", "good", GOOD.format(name="good"), "good_module")
    (site / "odd_agents-1.0.dist-info/entry_points.txt").write_text(
        "[rlbench]\ngood = good_module\nfine = fine_module\nodd = odd_module\n"
    )
    (site / "fine_module.py").write_text(GOOD.format(name="fine"))
    (site / "odd_module.py").write_text("import os; os._exit(3)")
    started = []
    start = subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", lambda *a, **k: started.append(a) or start(*a, **k))
    plugins = load_plugins()
    assert [answer.name for answer in resolve(plugins, [("good", {}), ("fine", {})])] == ["good", "fine"]
    assert len(started) == 1
    (site / "fine_module.py").write_text(GOOD.format(name="fine") + "# edited")
    fine, odd, bad = resolve(plugins, [("fine", {}), ("odd", {}), ("fine", {"x": 1})])
    assert fine.name == "fine" and "known" in str(bad)
    assert "plugin 'odd' of odd-agents ended its process with code 3 at import" in str(odd)
    started.clear()
    offers = {offer.name: offer for offer in survey(plugins) if offer.distribution == "odd-agents"}
    assert offers["odd"].error == "ended its process with code 3 at import"
    assert offers["good"].names == ("good",) and offers["fine"].names == ("fine",)
    assert len(started) == 2 + 3  # rlbench and odd-agents; then each of these


def test_a_plugin_that_prints_at_import_is_understood_all_the_same(site):
    install(site, "loud-agent", "loud", 'print(\'{"not": "an answer"}\')\n' + GOOD.format(name="loud"))
    (answer,) = resolve(load_plugins(), [("loud", {})])
    assert isinstance(answer, Resolved) and answer.name == "loud"


def test_two_distributions_with_one_name_are_told_apart_by_theirs(site):
    install(site, "first-agent", "twin", GOOD.format(name="twin"))
    install(site, "second-agent", "twin", GOOD.format(name="twin"))
    plugins = load_plugins()
    with pytest.raises(BrokenPlugin, match="offered by .*-agent and .*-agent"):
        plugins.find("twin")
    assert plugins.find("second-agent:twin").distribution == "second-agent"
    assert plugins.algorithm("second-agent:twin").name == "twin"


def test_one_that_has_the_name_of_a_built_in_one_does_not_replace_it(site):
    install(site, "sly-agent", "random", GOOD.format(name="random"))
    install(site, "sly-backend", "gymnasium", GOOD.format(name="gymnasium"))
    plugins = load_plugins()
    for name in ("random", "gymnasium"):
        with pytest.raises(BrokenPlugin, match=f"'{name}' is offered by .*; write .*:{name}"):
            plugins.find(name)
    assert plugins.find("rlbench:random").target == "rlbench_random"
    assert plugins.find("sly-agent:random").target == "sly_agent"


def test_an_entry_point_offers_only_its_own_names(site):
    install(site, "sly-agent", "sly", GOOD.format(name="dqn"))
    with pytest.raises(PluginError, match="does not offer 'sly'; it offers dqn"):
        load_plugins().algorithm("sly")


def test_an_unknown_name_gets_the_nearest_one():
    with pytest.raises(PluginError, match="nothing called 'dqnn' is installed; did you mean 'dqn'"):
        load_plugins().find("dqnn")


def test_only_the_plugins_that_may_be_loaded_are_seen():
    names = {p.name for p in load_plugins(only=["ppo"]).plugins}
    assert "ppo" in names and "dqn" not in names and {"local", "gymnasium"} <= names


def test_a_file_is_a_plugin_without_being_installed(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(GOOD.format(name="mine"))
    plugins = load_plugins([path])
    assert plugins.algorithm("mine").name == "mine"
    assert isinstance(resolve(plugins, [("mine", {})])[0], Resolved)
    with pytest.raises(PluginError, match="no such file"):
        load_plugins([tmp_path / "absent.py"])


def test_what_is_missing_is_said_with_how_to_install_it(site):
    source = GOOD.format(name="needy").replace(
        "Supports(discrete=True))", "Supports(discrete=True), requires=('absent_module',), extra='needs')"
    )
    install(site, "needy-agent", "needy", source)
    (answer,) = resolve(load_plugins(), [("needy", {})])
    assert isinstance(answer, Resolved) and answer.missing == ("absent_module",) and answer.extra == "needs"


def test_an_answer_is_cached_until_the_source_changes(site, tmp_path, monkeypatch):
    install(site, "cached-agent", "cached", GOOD.format(name="cached"))
    first = resolve(load_plugins(), [("cached", {})])
    with monkeypatch.context() as m:
        m.setattr("rlbench.plugins.resolution._resolve_in_child", lambda *a: pytest.fail("asked again"))
        assert resolve(load_plugins(), [("cached", {})]) == first
    (site / "cached_agent.py").write_text(GOOD.format(name="cached") + "\nraise ValueError('edited')")
    assert isinstance(resolve(load_plugins(), [("cached", {})])[0], PluginError)


def test_an_observer_that_raises_is_reported_and_hides_no_other(tmp_path):
    heard = tmp_path / "heard"
    hook = "from rlbench import hookimpl\n@hookimpl\ndef rlbench_suite_finished(suite, counts):\n    "
    (tmp_path / "bad.py").write_text(hook + "raise ValueError('no')\n")
    (tmp_path / "good_observer.py").write_text(hook + f"__import__('pathlib').Path({str(heard)!r}).write_text(suite)\n")
    plugins = load_plugins([tmp_path / "bad.py", tmp_path / "good_observer.py"])
    for plugin in plugins.plugins:
        if plugin.file:
            plugin.load()
    assert plugins.notify("rlbench_suite_finished", suite="s", counts={}) == [
        "rlbench_suite_finished of plugin 'bad': ValueError: no"
    ]
    assert heard.read_text() == "s"


def test_importing_rlbench_needs_neither_torch_nor_pandas_nor_gymnasium():
    code = "import sys, rlbench, rlbench.cli.main; rlbench.Algorithm; print(*[m for m in ('torch', 'pandas', 'gymnasium', 'pydantic') if m in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True, env=dict(os.environ)).strip() == ""


def test_the_environments_for_tests_need_no_torch():
    code = "import sys, rlbench.testing.fakes; print('torch' in sys.modules, rlbench.testing.play.__name__)"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).split() == ["False", "play"]


def test_a_plugin_is_shown_with_its_hooks_and_with_what_keeps_it_from_being_used(site):
    install(site, "fine-agent", "fine", GOOD.format(name="fine"))
    install(site, "first-agent", "twin", GOOD.format(name="twin"))
    install(site, "second-agent", "twin", GOOD.format(name="twin"))
    install(site, "later-agent", "later", GOOD.format(name="later").replace("True))]", "True), api_version=3)]"))
    needs = "True), requires=('absent_module',), extra='needs')]"
    install(site, "needy-agent", "needy", GOOD.format(name="needy").replace("True))]", needs))
    install(site, "broken-agent", "broken", "import module_that_does_not_exist")
    state = {f"{o.distribution}:{o.name}": o.state for o in survey(load_plugins()) if o.distribution != "rlbench"}
    assert state.pop("broken-agent:broken").startswith("broken: plugin 'broken' of broken-agent 1.0 cannot be loaded")
    assert state == {
        "fine-agent:fine": "ready",
        "first-agent:twin": "'twin' clashes with second-agent: write first-agent:twin",
        "second-agent:twin": "'twin' clashes with first-agent: write second-agent:twin",
        "later-agent:later": "'later' is made for a newer rlbench (plugin API 3, here 2); update rlbench",
        "needy-agent:needy": 'needs absent_module (extra "needs")',
    }
    (fine,) = (offer for offer in survey(load_plugins()) if offer.name == "fine")
    assert fine.hooks == ("rlbench_algorithms",) and fine.version == "1.0"


def test_a_name_that_a_broken_file_may_have_is_told_with_the_file(tmp_path):
    (tmp_path / "mine.py").write_text("import module_that_does_not_exist")
    plugins = load_plugins([tmp_path / "mine.py"])
    assert plugins.find("dqn").distribution == "rlbench"
    with pytest.raises(BrokenPlugin, match=r"'ours' is installed, and mine.py, which may have it, cannot be loaded"):
        plugins.find("ours")


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("import os; os._exit(0)", "ended its process with code 0 at import"),
        ("import ctypes; ctypes.string_at(0)", "ended its process with code -11 at import"),
    ],
)
def test_a_file_that_ends_a_process_at_import_ends_not_this_one(tmp_path, monkeypatch, source, said):
    monkeypatch.setenv("RLBENCH_CACHE", str(tmp_path / "cache"))
    (tmp_path / "ends_all.py").write_text(source)
    plugins = open_plugins([str(tmp_path / "ends_all.py")])
    (problem,) = plugins.load_observers()
    assert said in problem
    with pytest.raises(BrokenPlugin, match="ends_all.py, which may have it, cannot be loaded: ended its process"):
        plugins.find("mine")


def test_a_child_left_at_import_keeps_nobody_waiting(site, tmp_path):
    leaves = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'import signal; signal.pause()'])\n"
    install(site, "leaving-agent", "leaving", leaves + GOOD.format(name="leaving"))
    (answer,) = resolve(load_plugins(), [("leaving", {})])
    assert isinstance(answer, Resolved)


def test_a_file_called_as_a_module_is_refused(tmp_path):
    (tmp_path / "json.py").write_text(GOOD.format(name="mine"))
    with pytest.raises(PluginError, match="there is a module 'json' already; rename the file"):
        load_plugins([tmp_path / "json.py"])


def test_a_folder_here_that_is_called_as_a_plugin_file_is_no_module(tmp_path, monkeypatch):
    for folder in ("here/mine", "elsewhere/theirs", "files"):
        (tmp_path / folder).mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.syspath_prepend(tmp_path / "here")
    monkeypatch.syspath_prepend(tmp_path / "elsewhere")
    mine, theirs = (tmp_path / "files" / f"{name}.py" for name in ("mine", "theirs"))
    mine.write_text("")
    theirs.write_text("")
    assert [plugin.name for plugin in load_plugins([mine]).files] == ["mine"]
    with pytest.raises(PluginError, match="there is a module 'theirs' already"):  # a part of a package without __init__
        load_plugins([theirs])
