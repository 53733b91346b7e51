"""What a run says of itself becomes the same records that metering makes: by hand."""

import pytest

from rlbench import Algorithm, EvaluationProtocol
from rlbench.api import RlbenchError
from rlbench.runtime.record_sink import MemorySink
from rlbench.runtime.self_reported import SelfReportedLog
from rlbench.testing import play

PROTOCOL = EvaluationProtocol(every=100, episodes=2, final_episodes=3)


@pytest.fixture
def sink():
    return MemorySink()


@pytest.fixture
def account(sink):
    return SelfReportedLog(PROTOCOL, 300, 7, sink, lambda: 1.5)


def points(sink):
    return [(e.kind, e.nominal_step, e.returns) for e in sink.evaluations]


def test_a_point_of_the_grid_is_the_latest_training_episodes_up_to_it(account, sink):
    for step, return_ in ((40, 1.0), (80, 2.0), (100, 3.0), (130, 4.0), (220, 5.0), (290, 6.0)):
        account.episode(step, return_, length=step // 10)
    account.finish()
    assert points(sink) == [
        ("grid", 100, (2.0, 3.0)),  # what was told of step 100 itself is in it
        ("grid", 200, (3.0, 4.0)),
        ("grid", 300, (5.0, 6.0)),
        ("final", 300, (4.0, 5.0, 6.0)),
    ]
    last = sink.evaluations[-1]
    assert (last.seed, last.return_mean, last.lengths, last.wall_seconds) == (7, 5.0, (13, 22, 29), 1.5)
    assert [(e.step, e.episode, e.return_, e.end) for e in sink.episodes][:2] == [
        (40, 0, 1.0, "reported"),
        (80, 1, 2.0, "reported"),
    ]


def test_evaluations_of_its_own_are_taken_instead_where_it_made_some(account, sink):
    account.evaluation(100, [10.0, 20.0])
    account.episode(150, 1.0)
    account.evaluation(290, [30.0])
    account.finish()
    assert points(sink) == [("grid", 100, (10.0, 20.0)), ("grid", 300, (30.0,)), ("final", 300, (30.0,))]


def test_what_lies_beyond_the_budget_is_left_out(account, sink):
    account.episode(250, 1.0)
    account.episode(301, 1000.0)
    account.evaluation(400, [1000.0])
    account.finish()
    assert points(sink)[-1] == ("final", 300, (1.0,)) and len(sink.episodes) == 1


def test_a_silence_over_several_points_leaves_them_out_but_the_last(account, sink):
    account.episode(20, 1.0)
    account.advance(250)
    assert points(sink) == [("grid", 200, (1.0,))]


def test_steps_that_fall_are_refused(account):
    account.advance(50)
    with pytest.raises(RlbenchError, match="reported step 49 after step 50"):
        account.episode(49, 1.0)


def test_without_anything_reported_there_is_no_score(account):
    account.advance(300)
    with pytest.raises(RlbenchError, match="so there is no score"):
        account.finish()


def test_what_is_metered_cannot_report():
    class Boasts(Algorithm):
        def act(self, obs): ...

        def train(self, interaction):
            interaction.report(100, 500.0)

    with pytest.raises(RlbenchError, match='metering="self-reported"'):
        play(Boasts, None, "CartPole-v1", [0], 100)
