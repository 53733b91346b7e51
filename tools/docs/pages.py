"""Turn the repository into a site in which links between files still work.

A hook of properdocs (properdocs.yml). Targets of links outside docs/ become pages: Markdown unchanged, a source file as
text, a folder as a list of its files. Data and notebooks are copied.
"""

from __future__ import annotations

import ast
import posixpath
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from properdocs.structure.files import File, Files, InclusionLevel

ROOT = Path(__file__).resolve().parents[2]
OUTSIDE = ("CONTRIBUTING.md", "CHANGELOG.md", "plugins/*/README.md")  # pages of the navigation
LANGUAGES = {".py": "python", ".yaml": "yaml", ".toml": "toml", ".sh": "sh"}
COPIED = (".json", ".ipynb", ".csv", ".svg", ".png")
CODE = re.compile(r"^( *)(```+).*?^\1\2 *$|(`+)(?!`).*?(?<!`)\3(?!`)", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(?<=\]\()([^)#\s]*)(#[^)\s]*)?(?=\))")


def on_config(config: Any) -> Any:
    """Replace patterns of the navigation (plugins/*.md) by the matching pages."""
    pages = sorted(page_of(path) for pattern in OUTSIDE for path in matching(pattern))

    def filled(entry: Any) -> Any:
        if isinstance(entry, dict):
            return {title: filled(inside) for title, inside in entry.items()}
        if isinstance(entry, list):
            return [page for item in entry for page in (spread(item) if isinstance(item, str) else [filled(item)])]
        return entry

    def spread(item: str) -> list[str]:
        return [page for page in pages if Path(page).match(item)] if "*" in item else [item]

    config.nav = filled(config.nav)
    return config


def on_files(files: Files, config: Any) -> Files:
    """Add a page for every file outside docs/ that is in the navigation or linked."""
    seen: set[str] = set()
    waiting = [path for pattern in OUTSIDE for path in matching(pattern)]
    named = set(waiting)
    waiting += [target for file in files.documentation_pages() for target in targets(f"docs/{file.src_uri}")]
    while waiting:
        path = waiting.pop()
        if path in seen or path.startswith("docs/"):
            continue
        seen.add(path)
        files.append(site_file(path, config, path in named))
        if path.endswith(".md"):
            waiting += targets(path)
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Files) -> str:
    """Rewrite links to the pages of their targets."""
    here = page.file.src_uri
    origin = ORIGINS.get(here, f"docs/{here}")
    return outside_code(markdown, lambda text: LINK.sub(lambda link: moved(link, origin, here), text))


ORIGINS: dict[str, str] = {}  # the repository path of each generated page


def matching(pattern: str) -> list[str]:
    return sorted(str(path.relative_to(ROOT)) for path in ROOT.glob(pattern))


def page_of(path: str) -> str:
    """Return the site's name for a path in the repository."""
    if path.startswith("docs/"):
        return path.removeprefix("docs/")
    if path == "README.md":  # README.md would become the first page
        return "readme.md"
    if path.startswith("plugins/") and path.endswith("/README.md"):
        return f"plugins/{path.split('/')[1].removeprefix('rlbench_')}.md"
    return path if path.endswith((".md", *COPIED)) else f"source/{path}.md"


def targets(path: str) -> Iterator[str]:
    """Yield the repository paths that a Markdown file links to."""
    text: list[str] = []
    outside_code((ROOT / path).read_text(), lambda part: text.append(part) or part)
    for target, _ in LINK.findall("".join(text)):
        if target and "://" not in target:
            yield posixpath.normpath(posixpath.join(posixpath.dirname(path), target))


def moved(link: re.Match[str], origin: str, here: str) -> str:
    target, anchor = link[1], link[2] or ""
    if not target or "://" in target:
        return link[0]
    path = posixpath.normpath(posixpath.join(posixpath.dirname(origin), target))
    return posixpath.relpath(page_of(path), posixpath.dirname(here) or ".") + anchor


def outside_code(markdown: str, change: Callable[[str], str]) -> str:
    """Apply `change` to the text outside code blocks and inline code."""
    parts, end = [], 0
    for code in CODE.finditer(markdown):
        parts += [change(markdown[end : code.start()]), code[0]]
        end = code.end()
    return "".join([*parts, change(markdown[end:])])


def site_file(path: str, config: Any, in_navigation: bool) -> File:
    """Return the site's file for a path. Raises: FileNotFoundError for a link without a target."""
    place, name = ROOT / path, page_of(path)
    ORIGINS[name] = path
    inclusion = InclusionLevel.UNDEFINED if in_navigation else InclusionLevel.NOT_IN_NAV
    if place.is_dir():
        return File.generated(config, name, content=listing(place), inclusion=inclusion)
    if not name.startswith("source/"):
        return File.generated(config, name, abs_src_path=str(place), inclusion=inclusion)
    fence = f"````{LANGUAGES.get(place.suffix, 'text')}\n{place.read_text()}````\n"
    return File.generated(config, name, content=f"# {path}\n\n{fence}", inclusion=inclusion)


def listing(folder: Path) -> str:
    """List a folder's Python files with the first line of their docstrings."""
    rows = []
    for path in sorted(folder.glob("*.py")):
        docstring = ast.get_docstring(ast.parse(path.read_text())) or ""
        rows.append(f"| `{path.name}` | {docstring.partition(chr(10))[0].replace('|', chr(92) + '|')} |")
    return f"# {folder.relative_to(ROOT)}\n\n| file | description |\n|---|---|\n" + "\n".join(rows) + "\n"
