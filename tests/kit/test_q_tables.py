"""Tables of action values and the model of Dyna-Q, against value iteration and by hand."""

import numpy as np
import pytest

from rlbench.kit.q_tables import QTable, TableModel

ALL = np.ones(1, bool)
GAMMA = 0.9
# State by state, for both actions: reward, next state, whether the episode ends.
CHAIN = [[(0, 1, 0), (1, 0, 0)], [(0, 2, 0), (0, 0, 0)], [(0, 3, 0), (-1, 1, 0)], [(10, 3, 1), (0, 2, 0)]]


def optimal():
    """The optimal values of the chain by value iteration, written as a loop."""
    q = np.zeros((4, 2))
    for _ in range(1_000):
        for state, actions in enumerate(CHAIN):
            for action, (reward, following, ends) in enumerate(actions):
                q[state, action] = reward + (0 if ends else GAMMA * q[following].max())
    return q


def transition(state, action, where=ALL):
    reward, following, ends = CHAIN[state][action]
    numbers = state, action, float(reward), following, GAMMA * (1 - ends)
    return [np.array([number]) for number in numbers] + [where]


def test_learned_values_are_those_of_value_iteration():
    table, generator = QTable(1, 4, 2), np.random.Generator(np.random.PCG64(0))
    for _ in range(20_000):
        table.update(0.5, *transition(generator.integers(4), generator.integers(2)))
    assert table.values[0] == pytest.approx(optimal(), abs=1e-9)


def test_planning_alone_gives_the_same_values_once_everything_was_tried():
    table, model, generator = QTable(1, 4, 2), TableModel(1, 4, 2), np.random.Generator(np.random.PCG64(0))
    for state in range(4):
        for action in range(2):
            model.observe(*transition(state, action))
    for _ in range(20_000):
        table.update(0.5, *model.draw(generator.random(1)), ALL)
    assert table.values[0] == pytest.approx(optimal(), abs=1e-9)


def test_one_update_by_hand():
    table = QTable(2, 3, 2)
    table.values[:, 2] = [1.0, 4.0]
    one = np.array([1, 1])
    error = table.update(0.25, one, one, np.array([2.0, 2.0]), one + 1, np.array([0.5, 0.5]), np.array([True, False]))
    assert error.tolist() == [4.0, 0.0]  # 2 + 0.5 · 4; the second seed is not updated
    assert table.values[:, 1, 1].tolist() == [1.0, 0.0]


@pytest.mark.parametrize(("first", "second", "action"), [(0.5, 0.0, 1), (0.5, 0.49, 1), (0.5, 0.5, 3), (0.5, 0.99, 3)])
def test_of_equally_good_actions_one_is_drawn(first, second, action):
    table = QTable(1, 1, 4)
    table.values[0, 0] = [0.0, 2.0, 1.0, 2.0]
    drawn = table.epsilon_greedy(np.zeros((1, 1), int), 0.1, np.array([[[first, second]]]))
    assert drawn.tolist() == [[action]]
    assert table.greedy(np.zeros((1, 1), int)).tolist() == [[1]]


@pytest.mark.parametrize(("second", "action"), [(0.0, 0), (0.3, 1), (0.6, 2), (0.99, 3)])
def test_with_probability_epsilon_every_action_is_equally_likely(second, action):
    table = QTable(1, 1, 4)
    table.values[0, 0] = [0.0, 2.0, 1.0, 2.0]
    assert table.epsilon_greedy(np.zeros((1, 1), int), 0.1, np.array([[[0.09, second]]])).tolist() == [[action]]


def test_the_model_remembers_what_was_last_and_draws_each_cell_equally_often():
    model = TableModel(1, 2, 2)
    for reward, following in ((1.0, 0), (5.0, 1)):
        model.observe(*(np.array([x]) for x in (1, 0, reward, following, 0.5)), ALL)
    model.observe(*(np.array([x]) for x in (0, 1, 7.0, 1, 0.0)), ALL)
    assert [float(x[0]) for x in model.draw(np.array([0.49]))] == [1, 0, 5.0, 1, 0.5]
    assert [float(x[0]) for x in model.draw(np.array([0.5]))] == [0, 1, 7.0, 1, 0.0]
    assert int(model.count[0]) == 2


def test_a_seed_that_made_no_transition_remembers_none():
    model = TableModel(2, 2, 2)
    step = [np.array([x, x]) for x in (1, 0, 3.0, 1, 0.5)]
    model.observe(*step, np.array([False, True]))
    assert model.count.tolist() == [0, 1]
    state, action, reward, following, discount = model.draw(np.array([0.9, 0.9]))
    assert [x.tolist() for x in (state, action, reward, following, discount)] == [
        [0, 1],
        [0, 0],
        [0.0, 3.0],
        [0, 1],
        [0.0, 0.5],
    ]
    again = TableModel(2, 2, 2)
    again.load_state(model.state())
    assert all(np.array_equal(again.state()[name], array) for name, array in model.state().items())
