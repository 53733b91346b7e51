"""The section on what learners logged, and `plot.metrics`."""

import numpy as np
import pandas as pd
import pytest
from support.cli import rlbench as command
from support.read_back import render

import rlbench
from rlbench.analysis.metric_curves import metric_curves
from rlbench.api import RlbenchError
from rlbench.api.series_styles import series_styles
from rlbench.reports.diagnostics_section import metrics_figure
from rlbench.results import Store

SUITE = """
name: small
algorithms:
  - random
  - {id: dqn, params: {learning_starts: 20, batch_size: 8, net_arch: [8]}}
  - {id: dqn, label: other, params: {learning_starts: 20, batch_size: 8, net_arch: [8], learning_rate: 0.1}}
environments: [{id: CartPole-v1, steps: 120}]
seeds: 2
evaluation: {every: 40, episodes: 1, final_episodes: 1}
"""


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    folder = tmp_path_factory.mktemp("diagnostics")
    (folder / "s.yaml").write_text(SUITE)
    ran = command("run", folder / "s.yaml", "-o", folder / "out")
    assert ran.returncode == 0, ran.stderr
    return folder / "out"


def frame(rows):
    return pd.DataFrame(rows, columns=["environment", "name", "algorithm", "key", "step", "value"])


def test_a_curve_is_the_median_between_the_lowest_and_the_highest_run():
    rows = [("E", "loss", "a", key, step, value) for key, values in {"x": [1, 5], "y": [3, np.nan], "z": [8, np.inf]}.items()
            for step, value in zip((10, 20), values)]  # fmt: skip
    (curve,) = metric_curves(frame([*rows, ("E", "loss", "a", "x", 5, 2.0)]))["E"]["loss"]
    assert curve.steps.tolist() == [5, 10, 20] and curve.values.shape == (3, 3)
    middle, low, high = curve.summary()
    assert (middle.tolist(), low.tolist(), high.tolist()) == ([2, 3, 5], [2, 1, 5], [2, 8, 5])


def test_a_metric_without_a_finite_value_has_a_gap_and_no_warning():
    (curve,) = metric_curves(frame([("E", "loss", "a", "x", 10, np.nan)]))["E"]["loss"]
    assert np.isnan(curve.summary()).all()


def test_the_last_of_two_values_at_one_step_counts():
    (curve,) = metric_curves(frame([("E", "m", "a", "x", 10, 1.0), ("E", "m", "a", "x", 10, 2.0)]))["E"]["m"]
    assert curve.values.tolist() == [[2.0]]


def test_the_page_has_a_panel_for_each_metric_and_its_last_medians_in_words(out):
    page = render(Store(out))
    assert ">Diagnostics<" in page and "CartPole-v1: 4 metrics" in page
    metrics = rlbench.load(out).metrics()
    last = metrics[(metrics.step == 120) & (metrics.name == "td_loss") & (metrics.algorithm == "dqn")]
    assert len(last) == 2
    description = rlbench.load(out).plot.metrics("td_loss").description
    assert f"dqn {last.value.median():.3g}"[:9] in description and "other" in description


def test_a_folder_whose_algorithms_log_nothing_has_no_such_section(out, tmp_path):
    (tmp_path / "s.yaml").write_text(SUITE)
    assert command("run", tmp_path / "s.yaml", "-o", tmp_path / "out", "-a", "random").returncode == 0
    assert ">Diagnostics<" not in render(Store(tmp_path / "out"))
    with pytest.raises(RlbenchError, match="no run logged 'td_loss'; logged are no metrics"):
        rlbench.load(tmp_path / "out").plot.metrics("td_loss")


def test_plots_of_metrics_are_saved_and_unknown_ones_are_named(out, tmp_path):
    results = rlbench.load(out)
    assert results.plot.metrics("mean_q", task="CartPole-v1").save(tmp_path / "m.svg").stat().st_size > 1000
    with pytest.raises(RlbenchError, match="no run logged 'mean_v'; logged are .*td_loss"):
        results.plot.metrics("mean_v")


def test_a_metric_with_a_long_name_that_was_logged_at_the_beginning_only_is_drawn():
    name = "begins" + "m" * 1_000_000 + "ends"
    curves = metric_curves(frame([("E", name, "a", "x", 0, 1.0)]))["E"]
    figure = metrics_figure("E", curves, [name], series_styles(["a"], set()), "figure")
    (axes,) = figure.draw().axes
    assert len(axes.get_title("left")) == 40 and axes.get_title("left").startswith("begins")
    assert axes.get_title("left").endswith("ends") and axes.get_xlim()[1] > 0
