"""rlbench's own sections of the report, registered as a third party's would be."""

from __future__ import annotations

from rlbench.api import ReportSpec, hookimpl
from rlbench.reports import (
    aggregates,
    background,
    citing,
    clocks,
    costs,
    improvement,
    outcomes,
    published,
    sensitivity,
    summary,
    times,
    verdict,
    videos,
)


@hookimpl
def rlbench_reports() -> list[ReportSpec]:
    return [
        ReportSpec("verdict", "Verdict", verdict.section, 100),
        ReportSpec("scores", "Scores", summary.section, 200),
        ReportSpec("aggregates", "Over all tasks", aggregates.section, 300),
        ReportSpec("improvement", "Probability of improvement", improvement.section, 400),
        ReportSpec("curves", "Learning curves", summary.curves_section, 500),
        ReportSpec("clocks", "Against time", clocks.section, 550),
        ReportSpec("sensitivity", "Sensitivity", sensitivity.section, 600),
        ReportSpec("published", "Against published scores", published.section, 700),
        ReportSpec("missing", "Runs that failed, diverged or are not finished", outcomes.section, 800),
        ReportSpec("cost", "Cost", costs.section, 900),
        ReportSpec("time", "Where the time goes", times.section, 920),
        ReportSpec("videos", "Final policies on video", videos.section, 1000),
        ReportSpec("protocol", "Protocol", background.protocol_section, 1100),
        ReportSpec("hyperparameters", "Hyperparameters", background.parameters_section, 1200),
        ReportSpec("provenance", "Provenance", background.provenance_section, 1300),
        ReportSpec("reproduce", "To reproduce", background.reproduce_section, 1400),
        ReportSpec("cite", "How to cite", citing.section, 1500),
    ]
