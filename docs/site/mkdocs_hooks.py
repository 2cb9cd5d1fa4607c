"""What MkDocs does beside its own: pages of the repository's root, and nothing inline.

The service forbids scripts and pictures that stand inside of pages and style sheets
(`subtomo_server.http.headers`). The theme writes some: each becomes a file of its own.
"""

from __future__ import annotations

import hashlib
import posixpath
import re
from pathlib import Path
from urllib.parse import unquote

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from mkdocs.utils import get_relative_url

ROOT_PAGES = ("CHANGELOG.md", "CONTRIBUTING.md")
ICON = "server/subtomo_server/pages/static/icon.svg"
# The service answers with a page of its own where there is none.
UNUSED = {"404.html", "sitemap.xml"}
APART = "assets/apart"
LINK = re.compile(r"(?<=\]\()([^)#:\s]+)")
SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)
PICTURE = re.compile(r"url\(([\"'])data:image/svg\+xml;charset=utf-8,(.*?)\1\)")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Return the configuration without the pages that the service does not use."""
    config.theme.static_templates -= UNUSED
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Return the files with the documents of the repository's root, and the icon, among them."""
    root = Path(config.docs_dir).parent
    for uri, path in [*((name, name) for name in ROOT_PAGES), ("images/icon.svg", ICON)]:
        files.append(File.generated(config, uri, abs_src_path=str(root / path)))
    return files


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """Return the text with links from and to the documents of the root as the site has them."""
    source = page.file.src_uri
    here = posixpath.dirname(source if source in ROOT_PAGES else f"docs/{source}")

    def on_site(found: re.Match[str]) -> str:
        there = posixpath.normpath(posixpath.join(here, found[1]))
        if there in ROOT_PAGES or there.startswith("docs/"):
            return posixpath.relpath(there.removeprefix("docs/"), posixpath.dirname(source) or ".")
        return found[1]

    return LINK.sub(on_site, markdown)


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> str:
    """Return the page with each of its scripts in a file."""

    def apart(found: re.Match[str]) -> str:
        uri = _write(config.site_dir, found[1], "js")
        return f'<script src="{get_relative_url(uri, page.url)}"></script>'

    return SCRIPT.sub(apart, output)


def on_post_build(config: MkDocsConfig) -> None:
    """Put the pictures inside of style sheets into files, and drop what no browser asks for."""
    site = Path(config.site_dir)
    for sheet in site.rglob("*.css"):
        here = sheet.relative_to(site).parent.as_posix()

        def apart(found: re.Match[str], here: str = here) -> str:
            uri = _write(config.site_dir, unquote(found[2]), "svg")
            return f'url("{posixpath.relpath(uri, here)}")'

        sheet.write_text(PICTURE.sub(apart, sheet.read_text("utf-8")), "utf-8")
    for unused in site.rglob("*.map"):
        unused.unlink()


def _write(site: str, text: str, suffix: str) -> str:
    """Write a text into the site, and return its address there: one file for one text."""
    uri = f"{APART}/{hashlib.sha256(text.encode()).hexdigest()[:16]}.{suffix}"
    path = Path(site, uri)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return uri
