"""`rlbench new suite --from-zoo`: the same numbers for both libraries; text is parsed, never evaluated; gaps are named."""

import sys
from pathlib import Path

import pytest
import rlbench_sb3
from support.cli import rlbench

from rlbench.cli.projects.sb3_defaults import ALWAYS
from rlbench.cli.projects.zoo_literals import LiteralError, read_literal
from rlbench.plugins import load_plugins, resolve
from rlbench.suites import load_suite

pytest.importorskip("stable_baselines3")
PLUGINS = load_plugins()
PPO = """\
atari:
  policy: 'CnnPolicy'
CartPole-v1:
  n_envs: 8
  n_timesteps: !!float 1e5
  policy: 'MlpPolicy'
  n_steps: 32
  batch_size: 256
  gae_lambda: 0.8
  n_epochs: 20
  learning_rate: lin_0.001
  clip_range: lin_0.2
Acrobot-v0: &defaults
  normalize: "{'norm_obs': True, 'norm_reward': False}"
  n_envs: 16
  n_timesteps: !!float 1001
  policy: 'MlpPolicy'
  n_steps: 256
  ent_coef: .0
  policy_kwargs: "dict(log_std_init=-2,
                       ortho_init=True,
                       activation_fn=nn.ReLU,
                       net_arch=[dict(pi=[64, 32], vf=[64, 32])]
                       )"
MountainCar-v0:
  <<: *defaults
  normalize: true
  n_timesteps: !!float 2000
  gae_lambda: 0.9
MountainCarContinuous-v0:
  <<: *defaults
  use_sde: True
  sde_sample_freq: 4
  policy_kwargs: "dict(ortho_init=False, net_arch=dict(pi=[8], vf=[9]))"
"""
DDPG = """\
Pendulum-v1:
  n_timesteps: 20000
  policy: 'MlpPolicy'
  gamma: 0.98
  buffer_size: !!float 2e5
  noise_type: 'normal'
  noise_std: 0.1
  train_freq: [4, "step"]
  policy_kwargs: dict(net_arch=[32, 32])
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("ppo.yml").write_text(PPO)
    Path("ddpg.yml").write_text(DDPG)
    return tmp_path


def made(*arguments):
    """The suite that these arguments make, and what was said."""
    ran = rlbench("new", "suite", "mine", *arguments)
    assert ran.returncode == 0, ran.stderr
    return load_suite(Path("mine.yaml")), ran


def refused(*arguments):
    ran = rlbench("new", "suite", "mine", *arguments)
    assert ran.returncode == 2 and not Path("mine.yaml").exists(), ran.stderr
    return ran.stderr


def configs(suite, environment):
    """By algorithm its whole configuration on an environment."""
    asked = [(a.id, {**a.params, **a.per_environment.get(environment, {})}) for a in suite.algorithms]
    return {answer.name: answer.config for answer in resolve(PLUGINS, asked)}


def test_both_libraries_get_the_zoos_numbers_and_stable_baselines3s_where_it_says_none(folder):
    suite, _ = made("--from-zoo", "ppo.yml")
    assert [a.id for a in suite.algorithms] == ["random", "ppo", "sb3/ppo"]
    assert [(e.id, e.steps) for e in suite.environments] == [("CartPole-v1", 100_000)]
    found = configs(suite, "CartPole-v1")
    ours, theirs = found["ppo"], found["sb3/ppo"]
    assert ours["learning_rate"] == "lin_0.001" and ours["n_epochs"] == 20 and ours["gamma"] == 0.99
    assert {k: v for k, v in ours.items() if k in theirs and theirs[k] != v} == {}
    assert "clip_reward" not in ours and theirs["clip_reward"] == 10  # theirs limits normalised rewards alone
    assert {k: v for k, v in ours.items() if k not in theirs} == ALWAYS["ppo"]


def test_what_the_zoo_leaves_unsaid_is_stated_where_our_default_is_another(folder):
    suite, _ = made("--from-zoo", "ddpg.yml", "-e", "Pendulum-v1")
    ours, theirs = (next(a.params for a in suite.algorithms if a.id == name) for name in ("ddpg", "sb3/ddpg"))
    said = {"gamma", "buffer_size", "noise_type", "noise_std", "train_freq", "net_arch"}
    assert set(theirs) == said and set(ours) == said | {"batch_size", "learning_starts", "noise_dt"}
    assert (ours["batch_size"], ours["learning_starts"], ours["noise_dt"]) == (256, 100, 0.01)
    assert ours["train_freq"] == 4 and ours["buffer_size"] == 200_000 and isinstance(ours["buffer_size"], int)


def test_several_environments_have_a_budget_and_numbers_each_and_older_versions_are_said(folder):
    suite, ran = made("--from-zoo", "ppo.yml", "-e", "Acrobot-v1", "-e", "MountainCar-v0", "--leave-out", "gae_lambda")
    assert [(e.id, e.steps) for e in suite.environments] == [("Acrobot-v1", 1008), ("MountainCar-v0", 2000)]
    assert "ppo.yml has no entry for Acrobot-v1; its hyperparameters are those for Acrobot-v0" in ran.stderr
    assert "Acrobot-v1: 1,001 steps are rounded up to a multiple of n_envs (16)" in ran.stderr
    assert "MountainCar-v0: left out from ppo.yml: gae_lambda" in ran.stderr
    for name in ("ppo", "sb3/ppo"):
        acrobot, car = (configs(suite, environment)[name] for environment in ("Acrobot-v1", "MountainCar-v0"))
        assert (acrobot["normalize_obs"], acrobot["normalize_reward"]) == (True, False)
        assert (car["normalize_obs"], car["normalize_reward"]) == (True, True)
        assert acrobot["net_arch"] == [64, 32] and acrobot["activation_fn"] == "relu" and acrobot["log_std_init"] == -2
        assert (acrobot["n_epochs"], car["gae_lambda"]) == (10, 0.95)


def test_the_budget_may_be_another_and_algorithms_may_be_chosen(folder):
    suite, _ = made("--from-zoo", "ppo.yml", "--steps", "800", "-a", "ppo", "-s", "2")
    assert [a.id for a in suite.algorithms] == ["random", "ppo"] and suite.environments[0].steps == 800
    assert rlbench("check", "mine.yaml").returncode == 0


def test_what_cannot_be_had_is_told_at_its_place_all_at_once_and_can_be_left_out(folder):
    said = refused("--from-zoo", "ppo.yml", "-e", "MountainCarContinuous-v0")
    line = next(i for i, text in enumerate(PPO.splitlines(), 1) if "use_sde" in text)
    assert f"ppo.yml:{line}:12: error: use_sde: state-dependent exploration (gSDE) is not supported" in said
    assert f"ppo.yml:{line + 2}:18: error: policy_kwargs: net_arch: should be the same for all networks" in said
    Path("ppo.yml").write_text(PPO.replace("vf=[9]", "vf=[8]"))
    said = refused("--from-zoo", "ppo.yml", "-e", "MountainCarContinuous-v0")
    assert "ppo has no parameter ortho_init" in said and "add --leave-out ortho_init" in said
    without = ("--leave-out", "use_sde", "--leave-out", "ortho_init")
    suite, _ = made("--from-zoo", "ppo.yml", "-e", "MountainCarContinuous-v0", *without)
    assert configs(suite, "MountainCarContinuous-v0")["ppo"]["net_arch"] == [8]
    assert "left out from ppo.yml: use_sde, ortho_init" in Path("mine.yaml").read_text()


@pytest.mark.parametrize(("written", "units"), [("", 256), (", lstm_hidden_size=24", 24)])
def test_an_entry_with_a_memory_becomes_recurrent_ppo_with_the_librarys_units(folder, written, units):
    text = PPO.replace("'MlpPolicy'", "'MlpLstmPolicy'", 1)
    text = text.replace("  n_steps: 32\n", f'  policy_kwargs: "dict(net_arch=[16]{written})"\n  n_steps: 32\n', 1)
    Path("ppo_lstm.yml").write_text(text)
    suite, _ = made("--from-zoo", "ppo_lstm.yml", "-e", "CartPole-v1")
    assert [a.id for a in suite.algorithms] == ["random", "recurrent_ppo", "sb3/recurrent_ppo"]
    for name in ("recurrent_ppo", "sb3/recurrent_ppo"):
        config = configs(suite, "CartPole-v1")[name]
        assert (config["lstm_hidden_size"], config["net_arch"], config["n_steps"]) == (units, [16], 32)


def test_what_ours_always_does_needs_no_parameter_and_what_it_never_does_is_refused(folder):
    wanted = "n_lstm_layers=1, enable_critic_lstm=True, shared_lstm=False, lstm_hidden_size=256"
    text = PPO.replace("  n_steps: 32\n", f'  policy_kwargs: "dict({wanted})"\n  n_steps: 32\n', 1)
    text = text.replace("CartPole-v1:\n", "CartPole-v1:\n  normalize: {clip_reward: 10, clip_obs: 10}\n")
    Path("ppo_lstm.yml").write_text(text)
    suite, _ = made("--from-zoo", "ppo_lstm.yml", "-e", "CartPole-v1", "-a", "recurrent_ppo")
    assert configs(suite, "CartPole-v1")["recurrent_ppo"]["clip_reward"] is None
    Path("mine.yaml").unlink()
    said = refused("--from-zoo", "ppo_lstm.yml", "-e", "CartPole-v1", "-a", "ppo")
    assert "ppo has no parameter lstm_hidden_size" in said
    Path("ppo_lstm.yml").write_text(text.replace("=True", "=False").replace("clip_reward: 10", "clip_reward: 5"))
    said = refused("--from-zoo", "ppo_lstm.yml", "-e", "CartPole-v1", "-a", "recurrent_ppo")
    assert "no parameter enable_critic_lstm" in said and "no parameter clip_reward" in said


def test_a_problem_of_what_an_entry_takes_from_another_stands_where_that_says_it(folder):
    Path("ppo.yml").write_text(PPO.replace("n_steps: 256", "n_stepz: 256"))
    line = next(i for i, text in enumerate(PPO.splitlines(), 1) if "n_steps: 256" in text)
    assert f"ppo.yml:{line}:12: error: n_stepz: ppo has no parameter n_stepz" in refused(
        "--from-zoo", "ppo.yml", "-e", "MountainCar-v0"
    )


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "policy: 'MlpPolicy'",
            "policy: 'CnnPolicy'",
            "--from-zoo supports MlpPolicy and MlpLstmPolicy, got 'CnnPolicy'",
        ),
        ("policy: 'MlpPolicy'", "policy: 'MlpLstmPolicy'", "ddpg has no parameter lstm_hidden_size"),
        ("n_timesteps: 20000", "n_timesteps: many", "should be a whole number of steps, got 'many'"),
        ("n_timesteps: 20000", "", "has no n_timesteps for Pendulum-v1; set --steps"),
        ('[4, "step"]', '[1, "episode"]', "rlbench's algorithms do not count episodes"),
        ("gamma: 0.98", "learning_rate: exp_0.1", "should be a number, or text such as lin_0.001"),
        ("gamma: 0.98", "gamma: 2", "should be at most 1, got 2"),
        ("gamma: 0.98", "frame_stack: 4", "gymnasium.wrappers:FrameStackObservation"),
        ("gamma: 0.98", "replay_buffer_class: HerReplayBuffer", "the replay buffer is the algorithm's own"),
        ("gamma: 0.98", "n_epochs: 3", "ddpg has no parameter n_epochs"),
        ("gamma: 0.98", "env_wrapper: [{a: 1, b: 2}]", "should be module.Class"),
        ("gamma: 0.98", "env_wrapper: nothing_of.the.Kind", "No module named 'nothing_of'"),
        ("dict(net_arch=[32, 32])", "dict(net_arch=[32], activation_fn=nn.ELU)", "should be nn.ReLU or nn.Tanh"),
        ("dict(net_arch=[32, 32])", "dict(net_arch=[a for a in b])", "is not a number, text, list"),
        ("dict(net_arch=[32, 32])", "__import__('os').system('touch evil')", "it is not evaluated"),
        ("dict(net_arch=[32, 32])", "dict(optimizer_class=th.optim.Adam)", "ddpg has no parameter optimizer_class"),
        ("dict(net_arch=[32, 32])", "!!python/object:os.system x", "is not allowed"),
        ("gamma: 0.98", "gamma: [", "ddpg.yml:"),
        ("Pendulum-v1:\n", "Pendulum-v1: 3\nother:\n", "Pendulum-v1: should be a mapping"),
        ("Pendulum-v1:", "Pendulun-v1:", "no entry for Pendulum-v1; did you mean 'Pendulun-v1'?"),
    ],
)
def test_what_a_file_cannot_say_is_refused_by_name_and_nothing_is_written(folder, old, new, said):
    Path("ddpg.yml").write_text(DDPG.replace(old, new))
    assert said in " ".join(refused("--from-zoo", "ddpg.yml", "-e", "Pendulum-v1").split())
    assert sorted(path.name for path in folder.iterdir()) == ["ddpg.yml", "ppo.yml"]


def test_wrappers_and_arguments_of_the_environment_are_passed_on(folder):
    Path("ddpg.yml").write_text(
        DDPG + "  env_kwargs: {g: 9.0}\n  env_wrapper: [{gym.wrappers.TimeLimit: {max_episode_steps: 50}}]\n"
    )
    suite, _ = made("--from-zoo", "ddpg.yml", "-e", "Pendulum-v1")
    (environment,) = suite.environments
    assert environment.kwargs == {"g": 9.0}
    assert [(w.name, w.kwargs) for w in environment.wrappers] == [
        ("gymnasium.wrappers:TimeLimit", {"max_episode_steps": 50})
    ]


def test_a_file_that_is_named_after_no_algorithm_takes_the_one_that_is_asked_for(folder):
    Path("ddpg.yml").rename("tuned.yml")
    assert "is not named after an algorithm" in refused("--from-zoo", "tuned.yml", "-e", "Pendulum-v1")
    suite, _ = made("--from-zoo", "tuned.yml", "-e", "Pendulum-v1", "-a", "ddpg")
    assert [a.id for a in suite.algorithms] == ["random", "ddpg"]


def test_keys_are_left_out_of_a_file_only_and_only_those_it_has(folder):
    assert "--leave-out needs --from-zoo" in refused("--leave-out", "use_sde")
    assert "the file sets no use_sde for CartPole-v1; it sets n_envs, n_timesteps, " in refused(
        "--from-zoo", "ppo.yml", "--leave-out", "use_sde"
    )


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("dict(net_arch=[64, 64], activation_fn=nn.ReLU)", {"net_arch": [64, 64], "activation_fn": "nn.ReLU"}),
        ("{'norm_obs': True, 'norm_reward': False}", {"norm_obs": True, "norm_reward": False}),
        ("dict(pi=[256, 256], vf=[256, 256])", {"pi": [256, 256], "vf": [256, 256]}),
        ("[1, 'episode']", [1, "episode"]),
        ("(1, -2e-3, None)", [1, -2e-3, None]),
        ("dict(optimizer_kwargs=dict(eps=1e-5))", {"optimizer_kwargs": {"eps": 1e-5}}),
    ],
)
def test_the_zoos_values_are_read_as_python_would(text, value):
    assert read_literal(text) == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1 + 1",
        "open('x')",
        "dict([('a', 1)])",
        "dict(**{'a': 1})",
        "{1: 2}",
        "{**a}",
        "[*a]",
        "f'{a}'",
        "b'a'",
        "lambda: 0",
        "a[0]",
        "-True",
        "a := 1",
        "x = 1",
        "().__class__",
        "[" * 300,
        "(" * 900 + ")" * 900,
        "1" * 3000,
        "'\0'",
    ],
)
def test_what_is_no_value_is_refused_without_being_evaluated(text):
    with pytest.raises(LiteralError):
        read_literal(text)


def test_what_stable_baselines3_always_does_is_known_of_each_algorithm_that_both_have():
    ours = {path.name.removeprefix("rlbench_") for path in Path(rlbench_sb3.__file__).parents[1].glob("rlbench_*")}
    assert set(ALWAYS) == ours & {spec.name.removeprefix("sb3/") for spec in rlbench_sb3.rlbench_algorithms()}


def test_what_stable_baselines3_always_does_is_what_it_does():
    from sb3_contrib import QRDQN, RecurrentPPO
    from sb3_contrib.tqc import policies as tqc
    from stable_baselines3 import A2C, DQN, PPO
    from stable_baselines3.sac import policies

    adam = {"ppo": PPO("MlpPolicy", "CartPole-v1"), "dqn": DQN("MlpPolicy", "CartPole-v1", buffer_size=10)}
    adam["recurrent_ppo"] = RecurrentPPO("MlpLstmPolicy", "CartPole-v1")
    for name, model in adam.items():
        assert model.policy.optimizer.defaults["eps"] == ALWAYS[name]["adam_eps"]
        assert not ALWAYS[name].get("shared")
    eps = QRDQN("MlpPolicy", "CartPole-v1", buffer_size=10, batch_size=5).policy.optimizer.defaults["eps"]
    assert eps == 0.01 / 5 and ALWAYS["qrdqn"]["adam_eps"] is None
    assert (ALWAYS["tqc"]["log_std_min"], ALWAYS["tqc"]["log_std_max"]) == (tqc.LOG_STD_MIN, tqc.LOG_STD_MAX)
    squares = A2C("MlpPolicy", "CartPole-v1").policy.optimizer
    assert type(squares).__name__ == "RMSprop" and squares.defaults["alpha"] == ALWAYS["a2c"]["rms_prop_alpha"]
    plain = A2C("MlpPolicy", "CartPole-v1", use_rms_prop=False).policy.optimizer
    assert plain.defaults["eps"] == ALWAYS["a2c"]["adam_eps"]
    assert (ALWAYS["sac"]["log_std_min"], ALWAYS["sac"]["log_std_max"]) == (policies.LOG_STD_MIN, policies.LOG_STD_MAX)
    assert "smooth_l1_loss" in Path(sys.modules[DQN.__module__].__file__).read_text()
