"""The section on cross-play: a table and a heat map for each algorithm and task, or nothing."""

import numpy as np
import pytest
from support.result_folders import folder

from rlbench.analysis.crossplay_gaps import CrossPlays, gap_of
from rlbench.api.sections import Figure, Folded, Paragraph, Table
from rlbench.reports.crossplay_section import section
from rlbench.reports.svg_figures import inline
from rlbench.results.crossplay_files import CrossPlay


class Given:
    """As much of the results as the section reads."""

    def __init__(self, gaps=(), problems=()):
        self.folder, self.crossplays = "/here/mine", CrossPlays(tuple(gaps), tuple(problems))


def gap(matrix, environment="spread", algorithm="iql", agents=("a", "b"), repeats=True):
    count = len(matrix)
    runs = tuple((f"{algorithm}{environment}{i}", "") for i in range(count))
    first, seeds = -(-len(agents) // 2), tuple(range(10, 10 + count))
    return gap_of(
        CrossPlay(
            algorithm, environment, seeds, runs, agents, first, 32, "greedy", np.array(matrix, float), repeats, {}
        )
    )


ROLES = [[3, 0, 0], [0, 3, 3], [0, 0, 0]]


def parts(kind, shown):
    return [part for part in shown.parts if isinstance(part, kind)]


def test_the_section_is_absent_when_nothing_was_played(tmp_path):
    from rlbench.analysis import Results

    assert section(Given()) is None
    assert section(Results(folder(tmp_path / "s", {"a": {"CartPole-v1": [1.0, 2.0]}}))) is None


def test_the_table_has_both_means_their_difference_and_its_interval():
    (table,) = parts(Table, section(Given([gap(ROLES), gap(np.eye(2), "tag", "ippo")])))
    (spread, (iql,)), (tag, (ippo,)) = table.groups
    assert (spread, tag) == ("spread", "tag")
    assert iql[:4] == ("iql", "2.00", "0.50", "1.50") and iql[5:] == ("3", "32")
    assert iql[4].startswith("[−0.75, ")  # no resample of the seeds has a lower mean than the least of 3, 2.25, −0.75
    assert ippo[:5] == ("ippo", "1.00", "0.00", "1.00", "–")


def test_the_section_says_what_a_large_difference_means_and_what_was_not_repeated():
    shown = section(Given([gap(ROLES, repeats=False)], ["/here/mine/crossplay/x.json cannot be used"]))
    first, problem = parts(Paragraph, shown)
    assert "a convention of its own" in first.text and problem.text == "crossplay/x.json cannot be used"
    assert "did not repeat the recorded final evaluation exactly: iql on spread." in parts(Table, shown)[0].note


def test_a_heat_map_names_every_pair_and_its_colours_are_those_of_the_page():
    (figure,) = parts(Figure, section(Given([gap(ROLES, agents=("a", "b", "c"))])))
    assert figure.description == (
        "Mean team return of iql on spread, by the seed of a and b and the seed of c: 10 with 10 3.00; 10 with 11 0.00;"
        " 10 with 12 0.00; 11 with 10 0.00; 11 with 11 3.00; 11 with 12 3.00; 12 with 10 0.00; 12 with 11 0.00;"
        " 12 with 12 0.00."
    )
    markup = str(inline(figure))
    assert markup.count("var(--c0); fill-opacity: 0.55") == 3 == markup.count("var(--c0)")  # where the return is 3
    assert markup.count(">3.00<") == 3 and markup.count(">0.00<") == 6
    assert "seed of the first agents" in markup and "seed of the others" in markup
    assert "#" not in markup.replace("url(#", "").replace('href="#', "")  # no colour that a dark page would keep


@pytest.mark.parametrize(("count", "folded"), [(6, 0), (7, 7)])
def test_more_than_six_figures_are_folded(count, folded):
    shown = section(Given([gap(ROLES, f"task {i}") for i in range(count)]))
    assert (len(parts(Folded, shown)), len(parts(Figure, shown))) == (folded, count - folded)


def test_many_seeds_have_no_numbers_in_their_cells():
    (figure,) = parts(Figure, section(Given([gap(np.eye(13))])))
    assert "169 pairs" in figure.description and ">1.00<" not in str(inline(figure))
