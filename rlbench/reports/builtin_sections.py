"""rlbench's own sections of the report, registered in the same way as third-party sections."""

from __future__ import annotations

from rlbench.api import SectionSpec, hookimpl
from rlbench.reports import (
    agents_section,
    aggregates_section,
    background,
    citation,
    cost_section,
    cpu_breakdown,
    crossplay_section,
    curves_over_time,
    diagnostics_section,
    improvement_section,
    incomplete_runs,
    published_section,
    scores_section,
    sensitivity_section,
    verdict_section,
    video_links,
)


@hookimpl
def rlbench_report_sections() -> list[SectionSpec]:
    return [
        SectionSpec("verdict", "Verdict", verdict_section.section, 100),
        SectionSpec("scores", "Scores", scores_section.section, 200),
        SectionSpec("aggregates", "Over all tasks", aggregates_section.section, 300),
        SectionSpec("improvement", "Probability of improvement", improvement_section.section, 400),
        SectionSpec("curves", "Learning curves", scores_section.curves_section, 500),
        SectionSpec("clocks", "Against time", curves_over_time.section, 550),
        SectionSpec("diagnostics", "Diagnostics", diagnostics_section.section, 580),
        SectionSpec("crossplay", "Cross-play", crossplay_section.section, 590),
        SectionSpec("sensitivity", "Sensitivity", sensitivity_section.section, 600),
        SectionSpec("agents", "Agents", agents_section.section, 650),
        SectionSpec("published", "Against published scores", published_section.section, 700),
        SectionSpec("missing", "Runs that failed, diverged or are not finished", incomplete_runs.section, 800),
        SectionSpec("cost", "Cost", cost_section.section, 900),
        SectionSpec("time", "Where the time goes", cpu_breakdown.section, 920),
        SectionSpec("videos", "Final policies on video", video_links.section, 1000),
        SectionSpec("protocol", "Protocol", background.protocol_section, 1100),
        SectionSpec("hyperparameters", "Hyperparameters", background.parameters_section, 1200),
        SectionSpec("provenance", "Provenance", background.provenance_section, 1300),
        SectionSpec("reproduce", "To reproduce", background.reproduce_section, 1400),
        SectionSpec("cite", "How to cite", citation.section, 1500),
    ]
