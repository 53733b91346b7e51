"""Suite files: what they may say, and errors that point at the place."""

from pathlib import Path

import pytest

from rlbench.api import SuiteError
from rlbench.suites import find_suite, load_suite

GOOD = """\
name: trial
algorithms:
  - random
  - id: dqn
    label: fast dqn
    params: {lr: 3e-4, batch: 1e2}
    per_environment:
      CartPole-v1: {gamma: 0.9}
environments:
  - id: CartPole-v1
    steps: 50_000
    evaluation: {every: 500}
seeds: [3, 1, 3]
"""


def load(tmp_path: Path, text: str):
    path = tmp_path / "trial.yaml"
    path.write_text(text)
    return load_suite(path)


def test_a_suite_is_read_with_its_defaults(tmp_path):
    suite = load(tmp_path, GOOD)
    assert [a.name for a in suite.algorithms] == ["random", "fast dqn"]
    assert suite.algorithms[1].params == {"lr": 3e-4, "batch": 100.0}
    assert suite.environments[0].steps == 50_000 and suite.environments[0].evaluation.every == 500
    assert suite.seed_list == (3, 1) and suite.evaluation.final_episodes == 100
    assert load(tmp_path, GOOD.replace("[3, 1, 3]", "4")).seed_list == (0, 1, 2, 3)


@pytest.mark.parametrize(
    ("change", "place", "said"),
    [
        (("algorithms:", "algoritms:"), "2:1", "unknown key 'algoritms'; did you mean 'algorithms'?"),
        (("label:", "lable:"), "5:5", "unknown key 'lable'; did you mean 'label'?"),
        (("{every: 500}", "{evry: 500}"), "12:18", "unknown key 'evry'; did you mean 'every'?"),
        (("steps: 50_000", "steps: 1.5"), "11:5", "environments.0.steps: input should be a valid integer"),
        (("seeds: [3, 1, 3]", "seeds: five"), "13:1", "seeds: input should be a valid integer"),
        (("label: fast dqn", "label: random"), "1:1", "algorithm 'random' stands twice; give each its own label"),
        (("CartPole-v1: {gamma", "Cart-v1: {gamma"), "1:1", "names 'Cart-v1', which is not among the environments"),
        (("name: trial", "name: ../up"), "1:1", "name: string should match pattern"),
        (("  - random", "  - random\n  - random: {"), "5:", "error: "),
        (("  - random", "\t- random"), "3:1", "error: "),
        (("seeds:", "name: again\nseeds:"), "13:1", 'found duplicate key "name"'),
    ],
)
def test_an_error_says_where_and_what_to_do(tmp_path, change, place, said):
    with pytest.raises(SuiteError) as error:
        load(tmp_path, GOOD.replace(*change, 1))
    assert f"trial.yaml:{place}" in str(error.value) and said in str(error.value)
    line = int(place.split(":")[0])
    text = GOOD.replace(*change, 1).splitlines()
    assert text[line - 1] in str(error.value) and "^" in str(error.value)


def test_every_error_is_told_at_once(tmp_path):
    text = GOOD.replace("algorithms:", "algoritms:").replace("steps: 50_000", "stps: 5")
    with pytest.raises(SuiteError) as error:
        load(tmp_path, text)
    for said in ("'algoritms'", "'algorithms' is missing", "'stps'", "'steps' is missing"):
        assert said in str(error.value)


@pytest.mark.parametrize("text", ["", "[1, 2]", "just text"])
def test_what_is_no_mapping_is_refused(tmp_path, text):
    with pytest.raises(SuiteError, match="a suite is a mapping"):
        load(tmp_path, text)


def test_suites_are_found_by_path_and_by_name(tmp_path):
    assert find_suite("quickstart").name == "quickstart.yaml"
    with pytest.raises(SuiteError, match="no suite 'nowhere'"):
        find_suite("nowhere")


@pytest.mark.parametrize("path", sorted((Path(__file__).parents[2] / "suites").glob("*.yaml")), ids=lambda p: p.stem)
def test_every_suite_that_comes_along_can_be_read(path):
    assert load_suite(path).name == path.stem
