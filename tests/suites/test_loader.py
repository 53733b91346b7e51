"""Suite files: what they may say, and errors that point at the place."""

from pathlib import Path

import pytest

from rlbench.api import SuiteError
from rlbench.plugins import load_plugins
from rlbench.suites import find_suite, load_suite, plan, read_suite

GOOD = """\
name: trial
algorithms:
  - random
  - id: dqn
    label: fast dqn
    params: {learning_rate: 3e-4, batch_size: 1e2}
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


def test_names_that_stand_for_nothing_are_told_with_their_place(tmp_path):
    path = tmp_path / "s.yaml"
    path.write_text(
        "name: s\n"
        "algorithms: [random, {id: ppo, environments: [CartPole-v1, CartPole-v2]}]\n"
        "environments:\n"
        "  - id: CartPole-v1\n"
        "    steps: 1000\n"
        "    per_algorithm:\n"
        "      pppo: {steps: 8}\n"
        "      random: {step: 7}\n"
        "      ppo: {steps: 801}\n"
        "seeds: 1\n"
    )
    with pytest.raises(SuiteError) as error:
        plan(read_suite(path), load_plugins())
    for said in (
        "2:60: error: environments of 'ppo' names 'CartPole-v2', which is not among the environments; did you mean 'CartPole-v1'?",
        "7:7: error: per_algorithm of 'CartPole-v1' names 'pppo', which is not among the algorithms; did you mean 'ppo'?",
        "8:16: error: unknown key 'step'; did you mean 'steps'?",
        "9:20: error: ppo on CartPole-v1: n_envs 8 does not divide steps 801",
    ):
        assert said in str(error.value), str(error.value)


def test_a_suite_is_read_with_its_defaults(tmp_path):
    suite = load(tmp_path, GOOD)
    assert [a.name for a in suite.algorithms] == ["random", "fast dqn"]
    assert suite.algorithms[1].params == {"learning_rate": 3e-4, "batch_size": 100.0}
    assert suite.environments[0].steps == 50_000 and suite.environments[0].evaluation.every == 500
    assert suite.seeds == (3, 1) and suite.evaluation.final_episodes == 100
    assert load(tmp_path, GOOD.replace("[3, 1, 3]", "4")).seeds == (0, 1, 2, 3)
    assert load(tmp_path, GOOD.replace("50_000", "5e4")).environments[0].steps == 50_000


@pytest.mark.parametrize(
    ("change", "place", "said"),
    [
        (("algorithms:", "algoritms:"), "2:1", "unknown key 'algoritms'; did you mean 'algorithms'?"),
        (("label:", "lable:"), "5:5", "unknown key 'lable'; did you mean 'label'?"),
        (("label:", "colour:"), "5:5", "unknown key 'colour'; known keys: id, label, params, per_environment"),
        (("{every: 500}", "{evry: 500}"), "12:18", "unknown key 'evry'; did you mean 'every'?"),
        (("steps: 50_000", "steps: 1.5"), "11:12", "steps: should be a whole number, got 1.5"),
        (("steps: 50_000", "steps: 0"), "11:12", "steps: should be at least 1, got 0"),
        (("seeds: [3, 1, 3]", "seeds: five"), "13:8", "seeds: should be a count from 1 to 10000, or a list"),
        (("[3, 1, 3]", "[4294967295]"), "13:1", "a list of whole numbers from 0 to 2147483647, got [4294967295]"),
        (("seeds: [3, 1, 3]", "seeds: 2\ntimeout: soon"), "14:10", "a duration such as 90s, 30m or 1h30m, got 'soon'"),
        (("seeds: [3, 1, 3]", "seeds: 2\nmemory: 4 gigs"), "14:9", "a size of at least 1MB, such as 4GB or 500MB, got"),
        (("seeds: [3, 1, 3]", "seeds: 2\nmemory: 4"), "14:9", "a size of at least 1MB, such as 4GB or 500MB, got 4"),
        (("seeds: [3, 1, 3]", "seeds: 2\ndevices: [gpu]"), "14:1", "unknown device 'gpu'"),
        (("seeds: [3, 1, 3]", "seeds: 2\nresume: aproximate"), "14:9", "did you mean 'approximate'?"),
        (("steps: 50_000", "steps: true"), "11:12", "steps: should be a number, got True"),
        (("steps: 50_000", "steps: .inf"), "11:12", "steps: should be a finite number, got inf"),
        (("    steps: 50_000\n", ""), "10:5", "'steps' is missing"),
        (("[3, 1, 3]", f"[{'9, ' * 500}-1]"), "13:1", f"got [{'9, ' * 19}9…"),
        *(
            (("name: trial", f"name: {name}"), "1:7", "begin with a letter or digit and have at most 61 letters")
            for name in ("../up", "/etc/x", "'.'", "-x", '"a\\0b"', "a/b", "x" * 300, "\U0001f600", "a b")
        ),
        (("  - random", "  - random\n  - random: {"), "5:", "error: "),
        (("  - random", "\t- random"), "3:1", "error: "),
        (("seeds:", "name: again\nseeds:"), "13:1", 'found duplicate key "name"'),
        (("  - random", "  - !!python/object:os.system random"), "3:5", "is not allowed; write plain values"),
        (("seeds:", "---\nseeds:"), "13:1", "but found another document"),
        (("- random", "- [random"), "4:7", "expected ',' or ']'"),
        (("- random", "- \x07random"), "3:5", "the character U+0007 is not allowed; remove it"),
    ],
)
def test_an_error_says_where_and_what_to_do(tmp_path, change, place, said):
    with pytest.raises(SuiteError) as error:
        load(tmp_path, GOOD.replace(*change, 1))
    assert f"trial.yaml:{place}" in str(error.value) and said in str(error.value)
    line = int(place.split(":")[0])
    text = GOOD.replace(*change, 1).splitlines()
    shown = text[line - 1][:200]  # of a long line only a part is shown
    assert f"\n    {shown}\n" in str(error.value) and "^" in str(error.value)


def test_a_byte_that_is_not_utf_8_is_told_with_its_place(tmp_path):
    (tmp_path / "trial.yaml").write_bytes(GOOD.replace("fast dqn", "fást dqn").encode("latin-1"))
    with pytest.raises(SuiteError) as error:
        load_suite(tmp_path / "trial.yaml")
    said = "trial.yaml:5:13: error: the byte 0xe1 is not UTF-8; save the file as UTF-8\n        label: f\ufffdst dqn\n"
    assert said in str(error.value) and str(error.value).endswith("\n" + " " * 16 + "^^^")


def test_every_error_is_told_at_once_and_what_stands_under_a_misspelt_key_is_checked_too(tmp_path):
    text = GOOD.replace("algorithms:", "algoritms:").replace("steps: 50_000", "stps: 0").replace("label:", "lable: 3 #")
    with pytest.raises(SuiteError) as error:
        load(tmp_path, text)
    told = [line.partition("error: ")[2] for line in str(error.value).splitlines() if "error: " in line]
    assert told == [
        "unknown key 'algoritms'; did you mean 'algorithms'?",
        "unknown key 'lable'; did you mean 'label'?",
        "label: should be text, got 3",
        "unknown key 'stps'; did you mean 'steps'?",
        "steps: should be at least 1, got 0",
    ]


def test_mistakes_of_form_and_of_content_are_told_together_in_the_order_of_the_file(tmp_path):
    path = tmp_path / "trial.yaml"
    text = (
        GOOD.replace("algorithms:", "algoritms:")
        .replace("- random", "- dqnn")
        .replace("learning_rate: 3e-4", "learning_rate: -1, btch: 2")
    )
    path.write_text(
        text.replace("{gamma: 0.9}", "{gamma: 2}")
        .replace("CartPole-v1\n", "CartPol-v1\n")
        .replace("seeds: [3, 1, 3]", "sedes: 0")
    )
    with pytest.raises(SuiteError) as error:
        plan(read_suite(path), load_plugins())
    lines = [line for line in str(error.value).splitlines() if "error: " in line]
    places = [line.removeprefix(f"{path}:").split(": ")[0] for line in lines]
    assert places == ["2:1", "3:5", "6:29", "6:33", "8:7", "10:9", "13:1", "13:8"]
    assert "nothing called 'dqnn' is installed; did you mean 'dqn'?" in lines[1]
    assert "fast dqn.learning_rate: should be above 0, got -1" in lines[2]


def test_the_caret_stands_under_the_whole_word(tmp_path):
    with pytest.raises(SuiteError) as error:
        load(tmp_path, GOOD.replace("algorithms:", "algoritms:"))
    assert str(error.value).splitlines()[1:] == ["    algoritms:", "    ^^^^^^^^^"]


def test_of_a_long_line_what_is_around_the_word_is_shown(tmp_path):
    line = f"{{name: s, x: {'a' * 3_000}, algoritms: [random], y: {'b' * 3_000}}}"
    with pytest.raises(SuiteError) as error:
        load(tmp_path, line)
    text = str(error.value)
    (at,) = (i for i, shown in enumerate(text.splitlines()) if "unknown key 'algoritms'" in shown)
    shown, mark = text.splitlines()[at + 1 : at + 3]
    assert shown[mark.index("^") :].startswith("algoritms: [random]") and mark.strip() == "^" * 9
    assert max(map(len, text.splitlines())) < 400


@pytest.mark.parametrize(
    "algorithms", ["nan", "5", "[]", "x", "[{id: dqn, params: 3, per_environment: [1], sweep: 2}]"]
)
def test_an_option_for_algorithms_that_are_none_is_no_other_error(tmp_path, algorithms):
    path = tmp_path / "s.yaml"
    path.write_text(f"{{name: s, algorithms: {algorithms}, environments: [CartPole-v1], seeds: 1}}")
    with pytest.raises(SuiteError):
        read_suite(path, {"seeds": (0, 1)}, ["dqn.learning_rate=1"] if "dqn" in algorithms else ()).valid_suite()


NINES = "a: &a [1,1,1,1,1,1,1,1,1]\n" + "".join(
    f"{name}: &{name} [{','.join(['*' + before] * 9)}]\n" for before, name in zip("abcdefgh", "bcdefghi")
)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (NINES, "6:8: error: over 100,000 values"),
        ("x: " + "[" * 10_000, "nested over 50 levels deep"),
        ("x: &a [*a]", "1:8: error: *a refers to a value that contains it"),
        ("x: [&a 1" + ", *a" * 101 + "]", "over 100 aliases"),
        ("x: " + "y" * 1_000_000, "over 1,000,000 bytes"),
        ("x: 'open", "found unexpected end of stream"),
        ("\ufeffname: x\nname: y", "duplicate key"),
    ],
    ids=["bomb", "deep", "loop", "aliases", "long", "open quote", "byte order mark"],
)
def test_a_file_that_would_cost_too_much_is_refused_before_it_is_built(tmp_path, text, said):
    with pytest.raises(SuiteError) as error:
        load(tmp_path, text)
    assert said in str(error.value) and len(str(error.value)) < 25_000


def test_anchors_may_be_used_as_shorthand(tmp_path):
    text = GOOD.replace("params: {learning_rate: 3e-4", "params: &p {learning_rate: 3e-4").replace(
        "CartPole-v1: {gamma: 0.9}", "CartPole-v1: *p"
    )
    assert load(tmp_path, text).algorithms[1].per_environment["CartPole-v1"] == {
        "learning_rate": 3e-4,
        "batch_size": 100.0,
    }


def test_a_mapping_may_be_merged_into_another(tmp_path):
    text = GOOD.replace("- id: CartPole-v1", "- &cart\n    id: CartPole-v1").replace(
        "seeds:", "  - {<<: *cart, id: Acrobot-v1}\nseeds:"
    )
    first, second = load(tmp_path, text).environments
    assert (second.id, second.steps, second.evaluation) == ("Acrobot-v1", first.steps, first.evaluation)


@pytest.mark.parametrize("text", ["", "[1, 2]", "just text"])
def test_what_is_no_mapping_is_refused(tmp_path, text):
    with pytest.raises(SuiteError, match="a suite should be a mapping"):
        load(tmp_path, text)


def test_suites_are_found_by_path_and_by_name(tmp_path):
    assert find_suite("quickstart").name == "quickstart.yaml"
    with pytest.raises(SuiteError, match="no suite 'nowhere'"):
        find_suite("nowhere")


@pytest.mark.parametrize("path", sorted((Path(__file__).parents[2] / "suites").glob("*.yaml")), ids=lambda p: p.stem)
def test_every_suite_that_comes_along_can_be_read(path):
    assert load_suite(path).name == path.stem
