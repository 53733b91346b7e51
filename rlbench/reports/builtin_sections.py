"""rlbench's own sections of the report, registered in the same way as third-party sections."""

from __future__ import annotations

from rlbench.api import ReportSpec, hookimpl
from rlbench.reports import (
    aggregates_section,
    background,
    citation,
    cost_section,
    cpu_breakdown,
    curves_over_time,
    improvement_section,
    incomplete_runs,
    published_section,
    scores_section,
    sensitivity_section,
    verdict_section,
    video_links,
)


@hookimpl
def rlbench_reports() -> list[ReportSpec]:
    return [
        ReportSpec("verdict", "Verdict", verdict_section.section, 100),
        ReportSpec("scores", "Scores", scores_section.section, 200),
        ReportSpec("aggregates", "Over all tasks", aggregates_section.section, 300),
        ReportSpec("improvement", "Probability of improvement", improvement_section.section, 400),
        ReportSpec("curves", "Learning curves", scores_section.curves_section, 500),
        ReportSpec("clocks", "Against time", curves_over_time.section, 550),
        ReportSpec("sensitivity", "Sensitivity", sensitivity_section.section, 600),
        ReportSpec("published", "Against published scores", published_section.section, 700),
        ReportSpec("missing", "Runs that failed, diverged or are not finished", incomplete_runs.section, 800),
        ReportSpec("cost", "Cost", cost_section.section, 900),
        ReportSpec("time", "Where the time goes", cpu_breakdown.section, 920),
        ReportSpec("videos", "Final policies on video", video_links.section, 1000),
        ReportSpec("protocol", "Protocol", background.protocol_section, 1100),
        ReportSpec("hyperparameters", "Hyperparameters", background.parameters_section, 1200),
        ReportSpec("provenance", "Provenance", background.provenance_section, 1300),
        ReportSpec("reproduce", "To reproduce", background.reproduce_section, 1400),
        ReportSpec("cite", "How to cite", citation.section, 1500),
    ]
