"""Training is compared with training, and a greedy evaluation with a greedy evaluation."""

import json

from support.cli import rlbench


def imported(tmp_path, evaluated):
    """Two algorithms with the same training returns; of the first a greedy evaluation is known too."""
    rows = ["algorithm,environment,seed,kind,step,return"]
    for seed in range(6):
        for step in range(100, 1_001, 100):
            rows += [f"{name},CartPole-v1,{seed},episode,{step},{80 + seed + step / 1000}" for name in ("a", "b")]
        rows += [f"a,CartPole-v1,{seed},evaluation,1000,{400 + seed}"] * evaluated
    (tmp_path / "runs.csv").write_text("\n".join(rows) + "\n")
    assert rlbench("import", tmp_path / "runs.csv", "-o", tmp_path / "R").returncode == 0
    return tmp_path / "R"


def test_a_run_known_by_its_training_is_not_held_against_a_greedy_evaluation(tmp_path):
    folder = imported(tmp_path, evaluated=True)
    (row,) = json.loads(rlbench("compare", "a", "b", "-d", folder, "--json").stdout)["rows"]
    assert row["verdict"] == "undecided" and row["difference"]["estimate"] == 0
    assert row["note"].startswith("on training returns: no evaluation of b is known")
    assert 80 < row["estimates"][0] < 90


def test_two_that_are_both_known_by_their_training_are_compared_by_it_as_they_are(tmp_path):
    folder = imported(tmp_path, evaluated=False)
    (row,) = json.loads(rlbench("compare", "a", "b", "-d", folder, "--json").stdout)["rows"]
    assert "training returns" not in row["note"] and 80 < row["estimates"][0] < 90


def test_a_run_that_diverged_before_its_first_evaluation_leaves_the_others_theirs(tmp_path):
    rows = ["algorithm,environment,seed,kind,step,return"]
    for seed in range(6):
        for name in ("a", "b"):
            lost = name == "a" and seed == 0
            rows += [f"{name},CartPole-v1,{seed},episode,100,80", f"{name},CartPole-v1,{seed},episode,900,80"][
                : 2 - lost
            ]
            rows += (
                [f"a,CartPole-v1,0,episode,{step},nan" for step in (200, 1_000)]
                if lost
                else [f"{name},CartPole-v1,{seed},evaluation,1000,{400 + seed}"]
            )
    (tmp_path / "runs.csv").write_text("\n".join(rows) + "\n")
    rlbench("import", tmp_path / "runs.csv", "-o", tmp_path / "R")
    (row,) = json.loads(rlbench("compare", "a", "b", "-d", tmp_path / "R", "--json").stdout)["rows"]
    assert row["n"] == [6, 6] and "training returns" not in row["note"] and "1 against 0 runs diverged" in row["note"]
    assert row["estimates"][0] > 390


def test_two_folders_with_nothing_but_random_are_compared(tmp_path):
    for name in "xy":
        rows = "".join(f"random,CartPole-v1,{s},evaluation,100,{20 + s}\n" for s in range(5))
        (tmp_path / f"{name}.csv").write_text("algorithm,environment,seed,kind,step,return\n" + rows)
        assert rlbench("import", tmp_path / f"{name}.csv", "-o", tmp_path / name).returncode == 0
    ran = rlbench("compare", tmp_path / "x", tmp_path / "y", "--json")
    assert len(json.loads(ran.stdout)["rows"]) == 1
