"""What mbpo adds to sac: when the model is trained, how long rollouts are, and where they end."""

import numpy as np
import pytest
import torch
from rlbench_mbpo.mbpo import MBPO, MBPOConfig

from rlbench.testing.fakes import SHAPES
from rlbench.testing.group_training import play

SMALL = {
    "net_arch": (16,),
    "batch_size": 16,
    "learning_starts": 40,
    "gradient_steps": 1,
    "model_members": 3,
    "model_elites": 2,
    "model_net_arch": (16,),
    "model_batch_size": 16,
    "model_train_freq": 20,
    "model_gradient_steps": 3,
    "rollouts_per_step": 2,
}


def falls(obs, action, next_obs):
    return next_obs[:, 0] > 0


def never_seen(obs, action, next_obs):
    return np.zeros(3, bool)


def trained(monkeypatch, steps=120, **config):
    """The algorithm after training, and what happened to its model: the steps and what was imagined at each."""
    held, happened = {}, []
    learn, imagine = MBPO.learn_model, MBPO.imagine

    def note(self, interaction):
        held["mbpo"] = self
        happened.append(interaction.steps)
        learn(self, interaction)

    def look(self, interaction):
        before = self.imagined.size
        imagine(self, interaction)
        held.setdefault("added", []).append(self.imagined.size - before)

    monkeypatch.setattr(MBPO, "learn_model", note)
    monkeypatch.setattr(MBPO, "imagine", look)
    play(MBPO, MBPOConfig(**{**SMALL, **config}), SHAPES, (0,), steps, kwargs={"obs": 3, "dims": 2})
    return held["mbpo"], happened, held["added"]


def test_the_model_is_trained_every_few_steps_from_the_end_of_the_warm_up_on(monkeypatch):
    _, happened, added = trained(monkeypatch)
    assert happened == [40, 60, 80, 100, 120]
    assert added == [2 * 20] * 5  # rollouts of one step: two for each step of the environment


def test_rollouts_become_longer_over_the_budget(monkeypatch):
    _, happened, added = trained(monkeypatch, final_rollout_length=7)
    assert added == [40 * round(1 + 6 * step / 120) for step in happened]


def test_a_declared_end_replaces_the_learned_one_and_stops_the_discount(monkeypatch):
    mbpo, _, _ = trained(monkeypatch, termination_fn=f"{__name__}:falls", rollout_length=3)
    ended = mbpo.imagined.stored("discount") == 0
    assert torch.equal(ended, mbpo.imagined.stored("next_obs")[..., 0] > 0) and ended.any() and not ended.all()
    # Where a rollout ended, another began, at its first observation; elsewhere it continued.
    obs, following = (mbpo.imagined.stored(name)[0, :120].view(3, 40, 3) for name in ("obs", "next_obs"))
    for step in (1, 2):
        over = ended[0, :120].view(3, 40)[step - 1]
        assert torch.equal(obs[step][~over], following[step - 1][~over])
        assert torch.equal(obs[step][over], obs[0][over])


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        ("nothing", "should be module:function, got 'nothing'"),
        ("no.such.module:f", "No module named 'no'"),
        (f"{__name__}:missing", "has no attribute 'missing'"),
        (f"{__name__}:never_seen", "should return one bool for each row, got shape"),
    ],
)
def test_a_wrong_termination_function_is_refused(monkeypatch, reference, said):
    with pytest.raises(Exception, match=said.replace("[", r"\[")):
        trained(monkeypatch, termination_fn=reference)


def test_more_elites_than_members_are_refused():
    with pytest.raises(ValueError, match="model_elites 5 is more than model_members 3"):
        MBPOConfig(model_members=3)
