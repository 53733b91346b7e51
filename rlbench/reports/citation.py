"""Section on how to cite: rlbench in the version that planned the suite, and the sources of the statistics."""

from __future__ import annotations

from collections import Counter

from rlbench.analysis import Results
from rlbench.api.sections import Code, Paragraph, Section

_BIBTEX = """@software{{rlbench,
  title = {{rlbench: which reinforcement-learning algorithm is better, and how sure are we?}},
  version = {{{version}}},
  note = {{Version {version}{commit}}},
  license = {{Apache-2.0}}
}}"""
_SOURCES = (
    "The statistics are those of Agarwal et al. 2021 (IQM, stratified bootstrap, performance profiles, probability of"
    " improvement; arXiv:2108.13264), with permutation tests adjusted by Holm 1979. Environments have their own"
    " papers: cite those of the tasks used, with the version above."
)


def section(results: Results) -> Section:
    commits = Counter(str(s.result["git_commit"]) for s in results.published.values() if s.result.get("git_commit"))
    commit = f", commit {commits.most_common(1)[0][0]}" if len(commits) == 1 else ""
    version = str(results.document.get("rlbench", ""))
    return Section([Code(_BIBTEX.format(version=version, commit=commit)), Paragraph(_SOURCES, quiet=True)])
