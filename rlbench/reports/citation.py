"""How to cite: the harness in the version that planned the suite, and what the report should be said to rest on."""

from __future__ import annotations

from collections import Counter

from rlbench.api.sections import Code, Paragraph, Section
from rlbench.reports.report_data import Readings

_BIBTEX = """@software{{rlbench,
  title = {{rlbench: which reinforcement-learning algorithm is better, and how sure are we?}},
  version = {{{version}}},
  note = {{Version {version}{commit}}},
  license = {{Apache-2.0}}
}}"""
_SOURCES = (
    "The statistics are those of Agarwal et al. 2021 (IQM, stratified bootstrap, performance profiles, probability of"
    " improvement; arXiv:2108.13264), with permutation tests adjusted by Holm 1979. Environments have papers of their own:"
    " cite those whose tasks were used, with the version above."
)


def section(readings: Readings) -> Section:
    commits = Counter(str(s.result["git_commit"]) for s in readings.states.values() if s.result.get("git_commit"))
    commit = f", commit {commits.most_common(1)[0][0]}" if len(commits) == 1 else ""
    version = str(readings.suite.get("rlbench", ""))
    return Section([Code(_BIBTEX.format(version=version, commit=commit)), Paragraph(_SOURCES, quiet=True)])
