"""Files for a paper: chosen algorithms and tasks, at a chosen size, under names that say what is in them."""

import pytest
from support.cli import rlbench
from support.report_pages import TASK, group, play, suite_of

from rlbench.analysis import Results
from rlbench.api import RlbenchError, Task
from rlbench.reports.page import results_page
from rlbench.reports.report_files import write_files
from rlbench.reports.style import file_names
from rlbench.reports.svg_figures import Print

ACROBOT = Task("Acrobot-v1", 100, TASK.evaluation)
GRID = [[(50, 1.0), (100, 2.0)]] * 6


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Three algorithms on two tasks, of which ppo is the best."""
    centres = {"dqn": 0.0, "double,dqn": 0.5, "ppo": 200.0}
    groups = [group(name, 6, task, name, {"n": name}) for name in centres for task in (TASK, ACROBOT)]
    store = suite_of(tmp_path_factory.mktemp("s"), groups)
    for g in groups:
        play(store, g, [centres[g.label] + i for i in range(6)], GRID)
    return store


# -- which -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("patterns", "found"),
    [
        ((), ["dqn", "double,dqn", "ppo"]),
        (("*dqn",), ["dqn", "double,dqn"]),
        (("dqn,ppo",), ["dqn", "ppo"]),
        (("double,dqn",), ["double,dqn"]),  # a name may have a comma
        (("ppo", "dqn"), ["dqn", "ppo"]),  # the order stays the suite's
    ],
)
def test_patterns_choose_algorithms(store, patterns, found):
    assert list(dict.fromkeys(cell.algorithm for cell in Results(store).select(patterns).cells)) == found


def test_a_pattern_that_matches_nothing_says_what_there_is(store):
    with pytest.raises(
        RlbenchError, match="no algorithm in the results is called 'sac'; they have dqn, double,dqn, ppo"
    ):
        Results(store).select(["sac"])
    with pytest.raises(RlbenchError, match="no environment in the results is called 'Pong'"):
        Results(store).select([], ["Pong"])


def test_a_selection_keeps_the_verdicts_and_colours_of_the_whole_folder(store):
    results = Results(store)
    part = results.select(["dqn", "ppo"], ["CartPole*"])
    assert part.styles == results.styles and part.tasks == ["CartPole-v1"]
    (row,) = part.all_pairs.rows
    assert row in results.all_pairs.rows and part.all_pairs.family == (3, 6)
    assert len(results.cells) == 6 and results.tasks == ["CartPole-v1", "Acrobot-v1"]  # itself unchanged


# -- names -------------------------------------------------------------------------------------------------------
def test_a_file_name_is_unique_whatever_the_case_and_has_only_safe_characters():
    names = file_names(["ALE/Pong-v5", "ale Pong v5", "深度", "a" * 100, "ALE/Pong-v5"])
    assert list(names.values()) == ["ALE-Pong-v5", "ale-Pong-v5-2", "3", "a" * 60]


def test_figures_are_named_by_section_and_task(store, tmp_path):
    written = write_files(results_page(Results(store)), tmp_path, ["svg"])
    figures = {path.stem for path in written if path.suffix == ".svg"}
    assert figures == {
        *(f"{what}-{task}" for what in ("scores", "curves", "diagnostics") for task in ("CartPole-v1", "Acrobot-v1")),
        *(f"curves-{what}-seconds-{task}" for what in ("cpu", "wall") for task in ("CartPole-v1", "Acrobot-v1")),
        *(f"{what}-all-tasks" for what in ("aggregates", "profile", "efficiency", "improvement")),
    }


# -- how ---------------------------------------------------------------------------------------------------------
def test_every_figure_has_the_width_that_was_asked_for(store, tmp_path):
    written = write_files(results_page(Results(store)), tmp_path, ["svg"], Print(width=3.25, font_size=7))
    widths = {
        path.stem: path.read_text().split('width="')[1].split('"')[0] for path in written if path.suffix == ".svg"
    }
    assert set(widths.values()) == {"234pt"}  # 3.25 inches of 72 points
    assert "7px" in (tmp_path / "curves-CartPole-v1.svg").read_text()


def test_single_runs_are_in_files_on_demand(store, tmp_path):
    def written(folder, **options):
        write_files(results_page(Results(store)), tmp_path / folder, ["svg"], Print(**options))
        return (tmp_path / folder / "curves-CartPole-v1.svg").read_text()

    assert 'id="runs s0"' not in written("without") and 'id="runs s0"' in written("with", single_runs=True)


def test_the_command_writes_what_it_was_asked_for(store, tmp_path):
    done = rlbench(
        *("report", store.root, "-o", tmp_path / "r.html", "--files", tmp_path / "f", "-a", "ppo,dqn", "-e", "Cart*"),
        *("--width", "8.255cm", "--font-size", "8", "--format", "png,svg", "--format", "svg"),
    )
    assert done.returncode == 0, done.stderr
    names = {path.name for path in (tmp_path / "f").iterdir()}
    assert {"scores-CartPole-v1.png", "scores-CartPole-v1.svg", "scores.csv"} <= names
    assert not any("Acrobot" in name or name.endswith(".pdf") for name in names)
    assert [line.split(",")[0] for line in (tmp_path / "f/scores.csv").read_text().splitlines()] == [
        *("algorithm", "dqn", "ppo"),
    ]
    assert "Acrobot-v1" in (tmp_path / "r.html").read_text()  # the page has everything
    assert 'width="234pt"' in (tmp_path / "f/scores-CartPole-v1.svg").read_text()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["-a", "ppo"], "add --files FOLDER"),
        (["--files", "f", "--width", "3 miles"], "'3 miles' is not a length; write one such as 3.25in"),
        (["--files", "f", "--width", "3mm"], "'3mm' is 0.118 inches; use 1 to 40"),
        (["--files", "f", "--format", "svg,bmp"], "unknown format 'bmp'; use svg, pdf, png"),
        (["--files", "f", "-a", "sac"], "no algorithm in the results is called 'sac'"),
    ],
)
def test_what_cannot_be_written_is_an_error(store, tmp_path, options, said, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = rlbench("report", store.root, "-o", tmp_path / "r.html", *options)
    assert done.returncode != 0 and said in " ".join(done.stderr.split())
