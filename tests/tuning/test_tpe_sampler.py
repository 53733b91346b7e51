"""The sampler TPE: settings that follow the scores, and depend on nothing else, whatever trains them or interrupts it."""

import json
import os
import signal
import subprocess
import sys
import warnings
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from support.cli import rlbench

from rlbench.api import RlbenchError
from rlbench.suites.tune_models import DistributionEntry
from rlbench.tuning.random_search import draw_settings
from rlbench.tuning.tpe_sampler import BATCH, check_installed, propose
from rlbench.tuning.trial_sampling import TrialSampling

PLUGIN = Path(__file__).parents[1] / "support" / "leaning_algorithms.py"
DEFAULTS = {"rate": 1e-3, "epochs": 5, "loss": "huber", "delta": 1.0, "layers": [64]}
ENTRIES = {
    "rate": {"log": [1e-5, 1e-2]},
    "delta": {"uniform": [0.5, 2.0], "when": {"loss": "huber"}},
    "loss": {"choice": ["huber", "mse"]},
    "epochs": {"int": [3, 6]},
    "layers": {"choice": [[64], [32, 32], None]},
}
SUITE = """\
name: lean
algorithms: [leans]
environments: [{id: CartPole-v1, steps: 120}]
seeds: 3
evaluation: {every: 0, final_episodes: 3}
checkpoint_every: 0
tune:
  trials: 17
  sampler: tpe
  seeds: [1, 2]
  space:
    leans:
      threshold: {uniform: [0, 4]}
      noise: {uniform: [0, 1], when: {threshold: 0}}
"""


@pytest.fixture
def needs_optuna():
    pytest.importorskip("optuna", minversion="5", reason="Optuna is an extra: pip install 'rlbench[tune]'")


def space(entries=ENTRIES):
    return {name: DistributionEntry(**entry) for name, entry in entries.items()}


def sampling(entries=ENTRIES, trials=25, label="ppo", seed=0, defaults=DEFAULTS):
    drawn = draw_settings(label, space(entries), defaults, trials, seed)
    return TrialSampling(label, space(entries), defaults, tuple(drawn), "tpe", seed)


def played(source, score):
    """Return all settings of a search in which a setting has a score at once."""
    trials = []
    while batch := source.batch(trials):
        trials += [(setting, score({**source.defaults, **setting})) for setting in batch]
    return [setting for setting, _ in trials]


def by_rate(values):
    return -abs(np.log10(values["rate"]) + 3.5)


def test_without_optuna_the_error_names_the_extra(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(RlbenchError, match=r'the sampler tpe needs Optuna 5: pip install "rlbench\[tune\]"'):
        check_installed()
    (tmp_path / "optuna.py").write_text("raise ImportError('hidden')")
    (tmp_path / "s.yaml").write_text(SUITE)
    ran = rlbench("tune", tmp_path / "s.yaml", "-o", tmp_path / "out", "--plugin", PLUGIN, PYTHONPATH=str(tmp_path))
    assert ran.returncode == 2 and not (tmp_path / "out").exists()
    assert 's.yaml:9:12: error: the sampler tpe needs Optuna 5: pip install "rlbench[tune]"' in ran.stderr


def test_the_first_ten_trials_are_those_of_random_search(needs_optuna):
    assert played(sampling(), by_rate)[:10] == draw_settings("ppo", space(), DEFAULTS, 25, 0)[:10]


def test_the_same_scores_give_the_same_settings_and_other_scores_seeds_or_labels_others(needs_optuna):
    first = played(sampling(), by_rate)
    assert played(sampling(), by_rate) == first and len(first) == 25
    assert played(sampling(seed=1), by_rate)[10:] != first[10:]
    assert played(sampling(label="a2c"), by_rate)[10:] != first[10:]
    assert played(sampling(), lambda values: -by_rate(values))[10:] != first[10:]
    drawn = draw_settings("ppo", space(), DEFAULTS, 10, 0)
    trials = [(setting, by_rate({**DEFAULTS, **setting})) for setting in drawn]
    ours, theirs = (propose(name, space(), DEFAULTS, trials, (), BATCH, 0) for name in ("ppo", "a2c"))
    assert ours != theirs
    shorter = played(sampling(trials=17), by_rate)
    assert shorter == first[:17]  # raising the number of trials keeps the earlier ones


def test_values_lie_in_the_space_and_have_the_form_of_drawn_ones(needs_optuna):
    settings = played(sampling(trials=40), by_rate)[1:]
    for setting in settings:
        assert 1e-5 <= setting["rate"] <= 1e-2 and setting["rate"] == float(f"{setting['rate']:.4g}")
        assert setting["epochs"] in (3, 4, 5, 6) and type(setting["epochs"]) is int
        assert setting["layers"] in ([64], [32, 32], None)
        assert ("delta" in setting) == (setting["loss"] == "huber") and 0.5 <= setting.get("delta", 1) <= 2
        assert list(setting) == [name for name in ENTRIES if name in setting]
    wholes = [{**DEFAULTS, **setting} for setting in settings]
    assert all(a != b for i, a in enumerate(wholes) for b in wholes[:i])


def test_proposals_follow_the_scores(needs_optuna):
    """By hand: drawn at random, the decimal logarithm is 0.75 from the best one on average. 0.55 is four errors below."""
    rates = {"rate": {"log": [1e-5, 1e-2]}}
    distances = [
        -by_rate(setting)
        for seed in range(8)
        for setting in played(sampling(rates, trials=30, seed=seed, defaults={"rate": 1e-2}), by_rate)[20:]
    ]
    assert np.mean(distances) < 0.55, np.mean(distances)


def test_a_failed_trial_counts_as_the_worst_and_its_neighbourhood_is_left(needs_optuna):
    rates = {"rate": {"log": [1e-5, 1e-2]}}
    settings = [
        setting
        for seed in range(8)
        for setting in played(
            sampling(rates, trials=30, seed=seed, defaults={"rate": 1e-4}),
            lambda v: -np.inf if v["rate"] > 1e-4 else 1.0,
        )[20:]
    ]
    share = np.mean([setting["rate"] <= 1e-4 for setting in settings])
    assert share > 0.54, share  # drawn at random, it is a third; four errors above
    assert len(played(sampling(trials=20), lambda values: -np.inf)) == 20


def test_a_small_space_is_tried_to_its_end_and_a_suites_value_outside_it_is_no_obstacle(needs_optuna):
    few = {"epochs": {"int": [1, 12]}, "loss": {"choice": ["l1"]}}
    settings = played(sampling(few, trials=13), lambda values: -values["epochs"])
    assert sorted(setting["epochs"] for setting in settings[1:]) == list(range(1, 13))


def test_the_settings_of_a_batch_keep_apart(needs_optuna):
    """Five trials without scores. Without the liar, they gather around the best one: 0.09 from each other on average."""
    rates = {"rate": {"uniform": [0, 1]}}
    distances = []
    for seed in range(20):
        drawn = draw_settings("ppo", space(rates), {"rate": 2.0}, 16, seed)
        trials = [(setting, -abs(setting.get("rate", 2) - 0.5)) for setting in drawn[:10]]
        batch = propose("ppo", space(rates), {"rate": 2.0}, trials, drawn, BATCH, seed)
        assert len(batch) == BATCH
        distances += [abs(a["rate"] - b["rate"]) for a, b in combinations(batch, 2)]
    assert np.mean(distances) > 0.22, np.mean(distances)


def test_optunas_log_and_warnings_are_silent_and_its_level_is_as_before(needs_optuna, capfd):
    import optuna

    before = optuna.logging.get_verbosity()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        played(sampling(trials=12), by_rate)
    assert capfd.readouterr() == ("", "") and optuna.logging.get_verbosity() == before


def command(folder, *options, executor="serial"):
    (folder / "s.yaml").write_text(SUITE)
    return ["tune", str(folder / "s.yaml"), "-o", str(folder / "out"), "--plugin", str(PLUGIN), "--executor", executor,
            "--no-final", "--json", *options]  # fmt: skip


def test_two_workers_and_a_killed_search_try_the_same_settings(needs_optuna, tmp_path):
    """SIGKILL within the startup trials, within the first batch, and within the second round."""
    for name in ("one", "two", "killed"):
        (tmp_path / name).mkdir()
    one = rlbench(*command(tmp_path / "one"))
    assert one.returncode == 0, one.stderr
    outcome = json.loads(one.stdout)
    trials = outcome["algorithms"][0]["trials"]
    assert len(trials) == 17 and outcome["sampler"] == "tpe"
    assert "trials 10 to 14 of 17" in one.stderr and "round 2 of 2: 6 trials" in one.stderr
    text = rlbench(*(part for part in command(tmp_path / "one") if part != "--json"))
    assert "the first 10 drawn at random, the others proposed by TPE, with seed 0" in text.stdout
    assert rlbench(*command(tmp_path / "two", "-j", "2", executor="local")).stdout == one.stdout
    folder = tmp_path / "killed"
    code = f"from rlbench.cli.main import invoke; raise SystemExit(invoke({command(folder)!r}))"
    for count, finished in ((4, 3), (7 + 3, 12), (5 + 2, 18)):
        env = {**os.environ, "RLBENCH_FAIL_AT": f"publish-result:{count}"}
        killed = subprocess.run([sys.executable, "-c", code], cwd=folder, env=env, capture_output=True, text=True)
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        assert len(list(folder.glob("out/tuning/runs/*/result.json"))) == finished
    resumed = rlbench(*command(folder))
    assert resumed.stdout == one.stdout and resumed.returncode == 0


def test_failed_trials_are_tried_once_more_on_request_and_the_search_follows_their_new_scores(needs_optuna, tmp_path):
    """Of brittle's trials, those with much noise fail, until the plugin is mended. Then they are as in a whole search."""
    text = SUITE.replace("leans", "brittle").replace(", when: {threshold: 0}", "")
    plugin, broken, mended = tmp_path / "p.py", PLUGIN.read_text(), PLUGIN.read_text().replace("> 0.5", "> 5")
    outcomes, attempts = [], []
    for name, sources in (("whole", [mended]), ("mended", [broken, broken, mended])):
        (tmp_path / name).mkdir()
        words = [str(plugin) if part == str(PLUGIN) else part for part in command(tmp_path / name, "--rerun", "failed")]
        (tmp_path / name / "s.yaml").write_text(text)
        for source in sources:
            plugin.write_text(source)
            ran = rlbench(*words)
            assert ran.returncode == 0, ran.stderr
            outcomes.append(json.loads(ran.stdout)["algorithms"][0])
            attempts.append(len(list((tmp_path / name).glob("out/tuning/attempts/*"))))
    whole, first, again, last = outcomes
    failed = sum(trial["failures"].get("failed", 0) for trial in first["trials"])
    assert failed > 5 and again == first and attempts[2] == attempts[1] + failed  # not once for each batch
    assert last["trials"] == whole["trials"] and last["chosen"] == whole["chosen"]
