"""What figures and tables say of themselves: no win that only the verdict may claim, and true minus signs."""

from support.report_pages import TASK, group, page_of, play, suite_of

from rlbench.analysis import Results
from rlbench.api import Task
from rlbench.reports.improvement_section import section


def test_the_matrix_says_higher_more_often_and_leaves_better_to_the_verdict(tmp_path):
    groups = [group(name, 6, algorithm=name, config={"n": name}) for name in ("a", "b")]
    store = suite_of(tmp_path, groups)
    for g, base in zip(groups, (0.0, 100.0)):
        play(store, g, [base + i for i in range(6)])
    caption = section(Results(store)).parts[0].caption
    assert caption.startswith("Runs of b score higher more often than runs of 1 of 1 other algorithm (random included)")
    assert caption.endswith("only the verdict says which algorithm is better.")


def test_anchors_below_zero_have_a_minus_sign(tmp_path):
    tasks = [TASK, Task("Acrobot-v1", 100, TASK.evaluation)]
    groups = [group(name, 5, task, name, {"n": name}) for name in ("a", "b") for task in tasks]
    store = suite_of(tmp_path, groups)
    for g in groups:
        play(store, g, [1.0, 2.0, 3.0, 4.0, 5.0])
    text = page_of(store).text
    assert "Acrobot-v1 −498.774 and −100" in text and "-498.774" not in text
