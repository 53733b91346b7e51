"""A result folder is data: what it names is neither imported, called nor opened, unless whoever asks has said so."""

import json
import sys
from pathlib import Path

import pytest
from support.cli import rlbench

from rlbench.api import PluginError, Task, Wrapper, task_from_dict
from rlbench.plugins import load_plugins
from rlbench.reevaluation.trust import refuse_untrusted
from rlbench.results import Store
from rlbench.results.checksums import with_checksum

SUITE = """
name: small
algorithms: [random]
environments: [{id: CartPole-v1, steps: 40}]
seeds: 1
evaluation: {every: 0, final_episodes: 2}
"""


def task(env_id="CartPole-v1", *wrappers, **kwargs):
    return Task(env_id, 1, kwargs=kwargs, wrappers=tuple(Wrapper(name, given) for name, given in wrappers))


@pytest.fixture(scope="module")
def installed():
    return load_plugins()


@pytest.mark.parametrize(
    "asked",
    [
        task("unheard_of:Own-v0"),
        task("os.path:Own-v0"),
        task("CartPole-v1", ("unittest.mock:Mock", {})),
        task("CartPole-v1", ("timeit:timeit", {"setup": "raise SystemExit"})),
        task("CartPole-v1", ("gymnasium:make", {})),
        task("CartPole-v1", ("gymnasium.wrappers:RecordVideo", {"video_folder": "x"})),
        task("CartPole-v1", ("gymnasium.wrappers:vector", {})),
        task("CartPole-v1", ("rlbench.cli.main:main", {})),
        task("CartPole-v1", ("rlbench:run", {})),
        task("CartPole-v1", ("rlbench_dqn.dqn:DQN", {})),
        task(xml_file="/etc/passwd"),
        task(xml_file={"deep": ["~/x"]}),
        task(xml_file=".evil.xml"),
        task(env_id="unheard_of:Own-v0"),
    ],
    ids=str,
)
def test_what_is_not_installed_for_it_is_refused_with_what_to_do(installed, asked):
    with pytest.raises(PluginError, match="--suite FILE"):
        refuse_untrusted(asked, installed, ())
    assert "unheard_of" not in sys.modules


def test_an_argument_that_is_a_file_of_the_current_folder_is_refused(installed, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    refuse_untrusted(task(model="ant"), installed, ())
    (tmp_path / "ant").write_text("")
    with pytest.raises(PluginError, match="may be a path"):
        refuse_untrusted(task(model="ant"), installed, ())


@pytest.mark.parametrize(
    "asked, allowed",
    [
        (task(), ()),
        (task("CartPole-v1", ("gymnasium.wrappers:TimeAwareObservation", {"flatten": True})), ()),
        (task("Blackjack-v1", ("rlbench.envs.flat_observation:FlatObservation", {})), ()),  # added by a plan
        (task("CartPole-v1", ("rlbench:PartialObservation", {"keep": [0, 2]})), ()),
        (task("own:Own-v0"), ("own",)),
        (task("own.envs:Own-v0"), ("own",)),
        (task("CartPole-v1", ("own:wrapped", {"how": "well"})), ("own",)),
        (task(render_mode="rgb_array"), ()),
    ],
    ids=str,
)
def test_what_gymnasium_has_or_was_allowed_is_made(installed, asked, allowed):
    refuse_untrusted(asked, installed, allowed)


def test_a_module_that_begins_alike_is_another(installed):
    with pytest.raises(PluginError, match="--allow owner"):
        refuse_untrusted(task("owner:Own-v0"), installed, ["own"])


@pytest.fixture
def crafted(tmp_path, monkeypatch):
    """A run whose spec.json, key and all, was rewritten to have an environment imported that writes a file."""
    monkeypatch.chdir(tmp_path)
    Path("s.yaml").write_text(SUITE)
    assert rlbench("run", "s.yaml", "-o", "out", "-q").returncode == 0
    Path("own.py").write_text(
        "from pathlib import Path; Path('RAN').touch(); import gymnasium\n"
        "gymnasium.register('Own-v0', 'gymnasium.envs.classic_control:CartPoleEnv', max_episode_steps=500)\n"
    )
    store = Store(Path("out"))
    (run,) = store.runs()
    spec = json.loads((store.folder(run) / "spec.json").read_text())
    spec["task"]["env_id"] = "own:Own-v0"
    object.__setattr__(run, "task", task_from_dict(spec["task"]))
    old = run.__dict__.pop("name", None) or store.suite()["runs"][0]["folder"]
    run.__dict__.pop("key", None)
    folder = (store.root / "runs" / old).rename(store.folder(run))
    (folder / "spec.json").write_text(json.dumps({**spec, "key": run.key}))
    result = json.loads((folder / "result.json").read_text())
    (folder / "result.json").write_text(json.dumps(with_checksum({**result, "key": run.key})))
    suite = json.loads((store.root / "suite.json").read_text())
    suite["runs"][0]["folder"] = run.name
    (store.root / "suite.json").write_text(json.dumps(with_checksum(suite)))
    return folder


def test_reading_and_evaluating_a_folder_run_nothing_that_it_names(crafted):
    for command in ("table", "status", "report", "export", "show"):
        assert rlbench(command, crafted if command == "show" else "out").returncode == 0
    told = rlbench("evaluate", crafted)
    assert told.returncode == 2 and "imports the module 'own'" in told.stderr and "--allow own" in told.stderr
    Path("other.yaml").write_text(SUITE)
    assert rlbench("evaluate", crafted, "--suite", "other.yaml").returncode == 2
    assert not Path("RAN").exists()
    Path("same.yaml").write_text(SUITE.replace("CartPole-v1", "own:Own-v0"))
    for trust in (("--allow", "own"), ("--suite", "same.yaml")):
        assert rlbench("evaluate", crafted, *trust).returncode == 0
        Path("RAN").unlink()


@pytest.mark.parametrize(
    "asked, module",
    [
        (Task("CartPole-v1", 1, register=("own.envs:register",)), "own.envs"),
        (task(f={"$import": "own.rewards:sign"}), "own.rewards"),
        (task("CartPole-v1", ("gymnasium.wrappers:TransformReward", {"func": {"$import": "own:f"}})), "own"),
        (Task("CartPole-v1", 1, reset_options={"maps": [{"$import": "own:f"}]}), "own"),
    ],
    ids=str,
)
def test_what_a_task_registers_or_refers_to_is_imported_only_if_it_is_allowed(installed, asked, module):
    with pytest.raises(PluginError, match=f"--allow {module}"):
        refuse_untrusted(asked, installed, ("other",))
    refuse_untrusted(asked, installed, (module,))


def test_options_of_resets_are_checked_like_arguments(installed):
    with pytest.raises(PluginError, match="may be a path"):
        refuse_untrusted(Task("CartPole-v1", 1, reset_options={"map": "/etc/passwd"}), installed, ())


def test_the_wrappers_that_a_plan_adds_are_no_foreign_code(installed):
    refuse_untrusted(task("FrozenLake-v1", ("rlbench.envs.flat_observation:FlatObservation", {})), installed, ())


def test_a_run_whose_observations_were_adapted_is_evaluated_again(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("s.yaml").write_text(SUITE.replace("CartPole-v1", "FrozenLake-v1"))
    assert rlbench("run", "s.yaml", "-o", "out", "-q").returncode == 0
    (run,) = Store(Path("out")).runs()
    for trust in ((), ("--suite", "s.yaml")):
        told = rlbench("evaluate", Path("out/runs") / run.name, *trust)
        assert told.returncode == 0 and "repeated exactly" in told.stdout


def test_a_folder_cannot_add_a_registration_to_a_suite_that_is_trusted(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("s.yaml").write_text(SUITE)
    assert rlbench("run", "s.yaml", "-o", "out", "-q").returncode == 0
    path = Path("out/suite.json")
    document = json.loads(path.read_text())
    document["suite"]["register"] = ["own:register"]
    path.write_text(json.dumps(with_checksum(document)))
    (run,) = Store(Path("out")).runs()
    told = rlbench("evaluate", Path("out/runs") / run.name, "--suite", "s.yaml")
    assert told.returncode != 0 and "does not contain" in told.stderr
