"""Who was left at its defaults where others were given hyperparameters."""

from rlbench.analysis.tuned_algorithms import left_at_defaults


def test_defaults_beside_given_numbers_are_named():
    entries = [
        {"id": "random"},
        {"id": "dqn", "params": {"learning_rate": 1e-3}},
        {"id": "sb3/dqn"},
        {"id": "ppo", "label": "mine"},
    ]
    assert left_at_defaults({"algorithms": entries}) == ["sb3/dqn", "mine"]


def test_all_at_defaults_or_none_is_alike():
    assert left_at_defaults({"algorithms": [{"id": "random"}, {"id": "dqn"}, {"id": "ppo"}]}) == []
    given = [
        {"id": "dqn", "sweep": {"learning_rate": [1, 2]}},
        {"id": "ppo", "per_environment": {"A": {"learning_rate": 1}}},
    ]
    assert left_at_defaults({"algorithms": given}) == []


def test_what_was_imported_has_no_hyperparameters_to_speak_of():
    assert (
        left_at_defaults(
            {"algorithms": [{"id": "dqn", "params": {"learning_rate": 1}}, {"id": "imported/a", "label": "a"}]}
        )
        == []
    )
