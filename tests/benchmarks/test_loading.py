"""The large folder that benchmarks/loading.py makes, in small: it is read as one that was run."""

import rlbench
from benchmarks.loading import make


def test_the_made_folder_has_its_runs_evaluations_and_scores(tmp_path):
    make(tmp_path / "s", runs=100, evaluations=3)
    results = rlbench.load(tmp_path / "s")
    runs = results.runs()
    finished = runs["status"].isin(["done", "diverged"]).sum()
    assert len(runs) == 100 and finished >= 97 and not (runs["status"] == "corrupt").any()
    frame = results.evaluations()
    assert len(frame) == 4 * finished and (frame["kind"] == "grid").sum() == 3 * finished
    assert [len(frame["returns"].iloc[row]) for row in (0, 3)] == [10, 100]
    assert (
        abs(frame["return_mean"].iloc[3] - frame["returns"].iloc[3].mean()) < 1e-9 and len(results.scores()) == finished
    )
