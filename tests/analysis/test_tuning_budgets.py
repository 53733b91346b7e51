"""What tables, comparisons and reports say of the search for each algorithm's hyperparameters."""

import html
import json

import pytest
from support.cli import rlbench
from support.read_back import render
from support.result_folders import folder

from rlbench.analysis import Results
from rlbench.analysis.tuning_budgets import budget_sentence, budget_text, differ, tuning_budgets
from rlbench.api import StoreError
from rlbench.cli.commands.table import print_table
from rlbench.suites.tuned_models import TunedEntry

FULL = TunedEntry(trials=20, seeds=3, steps=1_200_000, where="zoo, 2023")
NONE = TunedEntry(trials=0)
SAYS = (
    "ppo was tuned with 20 trials × 3 seeds (1,200,000 steps), sac with none, and the tuning of a2c is not known;"
    " the comparison measures the search as well"
)


def test_a_budget_in_words():
    texts = {
        budget_text(budget): budget
        for budget in (FULL, NONE, None, TunedEntry(trials=1), TunedEntry(steps=9_000), TunedEntry(where="zoo"))
    }
    assert list(texts) == ["20 trials × 3 seeds, 1,200,000 steps", "none", "not known", "1 trial", "9,000 steps", "yes"]


def test_rivals_that_differ_are_named_in_one_sentence():
    assert budget_sentence({"ppo": FULL, "sac": NONE, "a2c": None}) == SAYS
    assert (
        budget_sentence({"ppo": FULL, "sac": FULL})
        == "ppo and sac were tuned with 20 trials × 3 seeds (1,200,000 steps)"
    )
    assert budget_sentence({"ppo": None, "sac": None}) == "" == budget_sentence({})
    of_unknown_size = {"ppo": TunedEntry(where="zoo"), "sac": TunedEntry(where="zoo", trials=3)}
    assert budget_sentence(of_unknown_size).startswith(
        "ppo was tuned with an unknown number of trials, sac with 3 trials"
    )
    assert differ({"ppo": FULL, "sac": None}) and differ({"ppo": FULL, "sac": TunedEntry(trials=20)})
    assert not differ({"ppo": FULL, "sac": TunedEntry(**{**FULL.model_dump(), "where": "here"})})


def test_each_point_of_a_sweep_has_its_entrys_budget_and_the_larger_of_two_counts():
    entries = [
        {"id": "ppo", "sweep": {"gamma": [0.9, 1]}, "tuned": {"trials": 4}},
        {"id": "sac", "tuned": {"trials": 4}},
        {"id": "sac", "params": {"gamma": 0.5}, "tuned": {"trials": 9}},
        {"id": "a2c", "tuned": None},
    ]
    found = {name: budget.trials for name, budget in tuning_budgets({"algorithms": entries}).items()}
    assert found == {"ppo gamma=0.9": 4, "ppo gamma=1": 4, "sac": 9}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    runs = {"ppo": [1.0, 2, 3, 4, 5], "sac": [2.0, 3, 4, 5, 6], "a2c": [3.0, 4, 5, 6, 7], "random": [0.0, 0, 0, 0, 0]}
    entries = [
        {"id": "random"},
        {"id": "ppo", "tuned": FULL.model_dump()},
        {"id": "sac", "tuned": NONE.model_dump()},
        {"id": "a2c"},
    ]
    path = tmp_path_factory.mktemp("made")
    scores = {name: {"CartPole-v1": values} for name, values in runs.items()}
    folder(path / "said", scores, algorithms=entries)
    folder(path / "silent", scores)
    return path


def test_table_and_compare_print_each_budget_and_that_rivals_differ(made):
    table = rlbench("table", made / "said").stdout
    assert "training   tuned" in table and "\n" + SAYS + "\n" in table
    row = next(line for line in table.splitlines() if " ppo " in line)
    assert "20 trials × 3 seeds, 1,200,000 steps" in row
    compared = rlbench("compare", "-d", made / "said").stdout
    assert "\n" + SAYS + "\n" in compared
    two = rlbench("compare", "ppo", "sac", "-d", made / "said").stdout
    assert "(1,200,000 steps), sac with none; the comparison" in two and "a2c" not in two
    chance = rlbench("compare", "ppo", "random", "-d", made / "said").stdout
    assert "\nppo was tuned with 20 trials × 3 seeds (1,200,000 steps)\n" in chance  # random has nothing to tune
    for document in (rlbench("table", made / "said", "--json"), rlbench("compare", "-d", made / "said", "--json")):
        values = json.loads(document.stdout)
        assert values["tuned"] == {"ppo": FULL.model_dump(), "sac": NONE.model_dump(), "a2c": None}
        assert values["tuning_differs"] == SAYS


@pytest.mark.parametrize("tuned", [5, {"trials": "many"}, {"where": None}, {"steps": 1.5}])
def test_a_damaged_budget_is_an_error_that_names_the_file(tmp_path, tuned):
    store = folder(tmp_path / "odd", {"ppo": {"CartPole-v1": [1.0]}}, algorithms=[{"id": "ppo", "tuned": tuned}])
    with pytest.raises(StoreError, match=r"suite\.json.*'tuned' of an algorithm"):
        Results(store)


def test_a_narrow_table_has_a_line_for_each_budget(made, monkeypatch, capsys):
    monkeypatch.setattr("rlbench.cli.commands.table.width", lambda: 60)
    print_table(Results(made / "said"))
    narrow = capsys.readouterr().out
    assert "  tuned: none\n" in narrow and "  tuned: not known\n" in narrow and narrow.count("  tuned:") == 3


def test_where_nothing_is_said_nothing_is_printed(made):
    for command in (("table", made / "silent"), ("compare", "-d", made / "silent")):
        assert "tuned" not in rlbench(*command).stdout
        assert json.loads(rlbench(*command, "--json").stdout)["tuning_differs"] is None


def test_the_report_has_each_budget_and_the_sentence(made):
    page = html.unescape(render(made / "said"))
    assert SAYS in page and "tuned: 20 trials × 3 seeds, 1,200,000 steps" in page and "ppo: zoo, 2023" in page
    assert "Tuning:" not in render(made / "silent")
