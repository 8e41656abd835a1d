"""What MkDocs needs beside docs/: pages from the top folder, and links that leave docs/.

On GitHub a page links to files anywhere in the repository. On the site there are the pages of
docs/ and those of ``TOP_PAGES`` alone; a link to any other file becomes its text.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parent.parent
TOP_PAGES = {
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
}
"""Files of the top folder, and the pages that they are."""
_LINK = re.compile(r"(!?)\[((?:[^][]|\[[^][]*\])*)\]\(([^)\s:]+)\)")
_CODE_SPAN = re.compile(r"`[^`]+`")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages from the top folder."""
    for name, uri in TOP_PAGES.items():
        files.append(File.generated(config, uri, abs_src_path=str(ROOT / name)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001
    """Return a page with the links of the site, and with ``|`` in the code spans of its tables."""
    uri = page.file.src_uri
    home = "" if uri in TOP_PAGES.values() else posixpath.join("docs", posixpath.dirname(uri))
    lines = (_plain_bars(line) for line in markdown.split("\n"))
    return _LINK.sub(lambda link: _on_site(link, uri, home), "\n".join(lines))


def _on_site(link: re.Match[str], uri: str, home: str) -> str:
    """Return a link as the site has it; ``home`` is the folder of the page in the repository."""
    path, mark, anchor = link[3].partition("#")
    if not path:
        return link[0]
    target = posixpath.normpath(posixpath.join(home, path))
    if target == "README.md":
        page, mark, anchor = "index.md", "", ""  # the first page of the site says the same
    elif target in TOP_PAGES:
        page = TOP_PAGES[target]
    elif target.startswith("docs/"):
        page = target.removeprefix("docs/")
    else:
        return link[2]
    relative = posixpath.relpath(page, posixpath.dirname(uri) or ".")
    return f"{link[1]}[{link[2]}]({relative}{mark}{anchor})"


def _plain_bars(line: str) -> str:
    r"""Return a line of a table with plain code spans: GitHub needs ``\|`` in them."""
    if not line.startswith("|"):
        return line
    return _CODE_SPAN.sub(lambda span: span[0].replace("\\|", "|"), line)
