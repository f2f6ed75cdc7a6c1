"""MkDocs: pages that are made at each build, their places in the navigation, links to files outside docs/."""

from __future__ import annotations

import functools
import posixpath
import re
import runpy
import sys
from pathlib import Path

from latex2mathml.converter import convert
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

sys.path.insert(0, str(Path(__file__).parent))
from reference import PAGES, ROOT, api_pages, option_pages
from tutorials import tutorial_files

_LINK = re.compile(r"(?<!!)\[([^\]]+)\]\(((?!\w+:|#)[^)\s#]+)(#[^)]*)?\)")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put the pages that are made into the navigation, and those of docs/ that it lacks."""
    stated = str(config.nav)
    others = [path.name for path in sorted((ROOT / "docs").glob("*.md")) if path.name not in stated]
    next(entry["How to"] for entry in config.nav or [] if "How to" in entry).extend(others)
    made = {**option_pages(), **api_pages()}
    section = next(entry["Reference"] for entry in config.nav or [] if "Reference" in entry)
    for title, folder in (("Command line", "commands"), ("Groups of options", "options"), ("Python", "api")):
        pages = next(entry[title] for entry in section if title in entry)
        pages += [{Path(uri).stem: uri} for uri in made if uri.startswith(f"reference/{folder}/")]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are made."""
    outside = {
        uri: relink((ROOT / path).read_text("utf-8"), path, uri)
        for path, uri in PAGES.items()
        if uri != "index.md"
    }
    for uri, content in {
        **outside,
        **option_pages(),
        **api_pages(),
        **tutorial_files(),
        **_figures(),
    }.items():
        files.append(File.generated(config, uri, content=content))
    return files


@functools.cache  # `mkdocs serve` builds again and again
def _figures() -> dict[str, str]:
    script = runpy.run_path(str(ROOT / "docs" / "figures" / "architectures.py"))
    return {f"images/networks/{name}.svg": script["draw"](name) for name in script["NETWORKS"]}


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Lead links out of docs/ to the page of that file, or show its path alone."""
    own = page.file.src_uri
    return formulas(markdown if page.file.generated_by else relink(markdown, f"docs/{own}", own))


def formulas(markdown: str) -> str:
    """Return a page with its formulas as MathML, which browsers show without a script."""
    if "```math" not in markdown:
        return markdown
    markdown = re.sub(
        r"^```math\n(.*?)^```", lambda found: convert(found[1], display="block"), markdown, flags=re.M | re.S
    )
    return re.sub(r"\$([^$\n]+)\$", lambda found: convert(found[1]), markdown)


def relink(text: str, path: str, uri: str) -> str:
    """Return a document of the repository with the links that the page `uri` needs."""

    def link(found: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(path), found[2]))
        inside = target.removeprefix("docs/") if target.startswith("docs/") else PAGES.get(target)
        if inside is None:
            return f"`{target}`"
        return f"[{found[1]}]({posixpath.relpath(inside, posixpath.dirname(uri) or '.')}{found[3] or ''})"

    return _LINK.sub(link, text)
