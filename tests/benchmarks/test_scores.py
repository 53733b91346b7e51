"""The page of scores: what is measured anew takes the place of what was, and the rest stays."""

from benchmarks import scores


def row(task, name, measured):
    return tuple({"task": task, "algorithm": name, "measured": measured}.get(column, "") for column in scores.HEADER)


def test_cells_measured_anew_replace_the_old_ones_in_their_place():
    old = [row("CartPole-v1", "dqn", "1"), row("CartPole-v1", "ppo", "2"), row("Acrobot-v1", "dqn", "3")]
    new = [row("Acrobot-v1", "ppo", "4"), row("CartPole-v1", "dqn", "5")]
    found = [(line[0], line[1], line[scores.HEADER.index("measured")]) for line in scores.merged(old, new)]
    assert found == [
        ("CartPole-v1", "dqn", "5"),
        ("CartPole-v1", "ppo", "2"),
        ("Acrobot-v1", "dqn", "3"),
        ("Acrobot-v1", "ppo", "4"),
    ]


def test_tuned_settings_stand_for_their_algorithm_and_those_beside_them_are_left_out():
    assert scores.named(["random", "dqn"]) == {"random": "random", "dqn": "dqn"}
    assert scores.named(["random", "dqn", "dqn tuned", "ppo", "ppo tuned"]) == {"dqn tuned": "dqn", "ppo tuned": "ppo"}


def test_a_number_that_rounds_to_zero_has_no_sign():
    assert [scores._number(value) for value in (-0.04, 0.0, -0.06, -3.0)] == ["0", "0", "-0.1", "-3"]


def test_what_is_written_is_read_again_and_shown_in_the_plugins_readmes(tmp_path, monkeypatch):
    page, readme = tmp_path / "scores.md", tmp_path / "rlbench_dqn" / "README.md"
    readme.parent.mkdir()
    page.write_text("before\n<!-- table -->\n| a |\n| - |\n<!-- end of table -->\nafter\n")
    readme.write_text("dqn\n<!-- scores -->\nold\n<!-- end of scores -->\n")
    monkeypatch.setattr(scores, "PLUGINS", tmp_path)
    scores.write(page, [row("CartPole-v1", "dqn", "7")])
    scores.write(page, [row("Acrobot-v1", "dqn", "8")])
    assert page.read_text().startswith("before\n") and page.read_text().endswith("after\n")
    lines = [line for line in readme.read_text().splitlines() if line.startswith("| ")]
    assert [line.split("|")[1].strip() for line in lines] == ["task", "--", "CartPole-v1", "Acrobot-v1"]
    assert "old" not in readme.read_text()
