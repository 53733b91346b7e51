"""Section on what to cite: the version of rlbench that planned the suite, and the sources of the statistics."""

from __future__ import annotations

from collections import Counter
from importlib.metadata import PackageMetadata, metadata

from rlbench.analysis import Results
from rlbench.api.sections import Code, Paragraph, Section

_YEAR = 2026  # in which this version was written
_TITLE = "rlbench: which reinforcement-learning algorithm is better, and how sure are we?"
_SOURCES = (
    "The statistics are those of Agarwal et al. 2021 (IQM, stratified bootstrap, performance profiles, probability of"
    " improvement; arXiv:2108.13264), with permutation tests adjusted by Holm 1979. Environments have their own"
    " papers: cite those of the tasks used, too."
)


def section(results: Results) -> Section:
    commits = Counter(str(s.result["git_commit"]) for s in results.published.values() if s.result.get("git_commit"))
    commit = commits.most_common(1)[0][0] if len(commits) == 1 else ""
    entry = bibtex(str(results.document.get("rlbench", "")), commit, metadata("rlbench"))
    return Section([Code(entry), Paragraph(_SOURCES, quiet=True)])


def bibtex(version: str, commit: str, package: PackageMetadata) -> str:
    """Return the BibTeX entry. package: the installed package's metadata, which names the authors and the address."""
    addresses = [str(entry).rpartition(", ")[2] for entry in package.get_all("Project-URL", [])]
    fields = {
        "author": f"{{{package['Author']}}}",  # double braces keep BibTeX from splitting it
        "title": f"{{{_TITLE}}}",
        "year": str(_YEAR),
        "version": version,
        "url": addresses[0] if addresses else "",
        "note": f"Version {version}, commit {commit}" if commit else f"Version {version}",
        "license": "Apache-2.0",
    }
    lines = ",\n".join(f"  {name} = {{{value}}}" for name, value in fields.items() if value)
    return f"@software{{rlbench,\n{lines}\n}}"
