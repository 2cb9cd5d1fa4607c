"""The documentation as a site: built strictly, and served under the policy of the service."""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import httpx
import pytest
from mkdocs.commands.build import build
from mkdocs.config import load_config
from playwright.sync_api import Browser

import subtomo_server
from subtomo.cli.watch import SYMPTOMS
from subtomo_server.http.latency import template_of
from subtomo_server.pages import help_site
from subtomo_store import Settings
from support.services import ROOT, RedisServer
from support.serving import Served, served

LONG = 30_000


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built from the documents as they are; a link that leads nowhere is an error."""
    folder = tmp_path_factory.mktemp("site")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(os.environ, "NO_MKDOCS_2_WARNING", "1")
        build(load_config(str(ROOT / "mkdocs.yml"), site_dir=str(folder), strict=True))
    return folder


@pytest.fixture(scope="module")
def service(
    site: Path, redis: RedisServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    """A running server that has the site."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(help_site, "SITE", site)
        settings = Settings(data=tmp_path_factory.mktemp("data"), broker_url=redis.url)
        with served(settings) as running:
            yield running


class Page(HTMLParser):
    """What a page asks a browser for, and what stands inside of it."""

    def __init__(self, text: str):
        super().__init__()
        self.links: set[str] = set()
        self.inline: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.links |= {value for name in ("href", "src") if (value := given.get(name))}
        script = tag == "script" and "src" not in given and given.get("type") is None
        if script or tag == "style" or "style" in given or any(n.startswith("on") for n in given):
            self.inline.append(f"{tag} {given}")


def crawled(client: httpx.Client, first: str) -> dict[str, httpx.Response]:
    """The answers to every address that pages below ``/help/`` lead to."""
    answers: dict[str, httpx.Response] = {}
    waiting = [first]
    while waiting:
        address = waiting.pop()
        if address in answers:
            continue
        answer = answers[address] = client.get(address)
        if address.startswith("/help/") and "html" in answer.headers.get("content-type", ""):
            for link in Page(answer.text).links:
                target = urlsplit(urljoin(f"http://here{address}", link))
                if target.netloc == "here" and target.scheme == "http":
                    waiting.append(target.path)
    return answers


@pytest.fixture(scope="module")
def answers(service: Served) -> dict[str, httpx.Response]:
    """All that a stranger meets who follows every link."""
    with service.stranger as stranger:
        return crawled(stranger, "/help/")


def test_the_entrance_leads_to_the_first_page(service: Served):
    with service.stranger as stranger:
        answer = stranger.get("/help")
        assert (answer.status_code, answer.headers["location"]) == (307, "/help/")
        assert "Ten minutes to a first average" in stranger.get("/help/").text
        assert 'href="/help"' in stranger.get("/login").text


def test_every_link_of_the_site_leads_somewhere(answers: dict[str, httpx.Response]):
    wrong = {path: answer.status_code for path, answer in answers.items() if answer.is_error}
    assert wrong == {"/": 401}  # the icon leads to the service itself, which knows no stranger
    pages = {path for path in answers if path.endswith(".html")}
    records = [path for path in pages if path.startswith("/help/decisions/0")]
    assert len(records) == len(list((ROOT / "docs" / "decisions").glob("0*.md")))
    assert SYMPTOMS in pages  # which the command names
    for page in ("CHANGELOG", "CONTRIBUTING"):
        assert f"/help/{page}.html" in pages


def test_every_document_is_reached_from_the_first_page(answers: dict[str, httpx.Response]):
    documents = [path.relative_to(ROOT / "docs") for path in (ROOT / "docs").rglob("*.md")]
    pages = {posixpath.join("/help", path.with_suffix(".html").as_posix()) for path in documents}
    pages = {page.replace("README.html", "index.html") for page in pages}
    assert pages - set(answers) == set()


def test_nothing_stands_inside_of_pages_that_the_policy_forbids(site: Path):
    inside = {
        path.relative_to(site).as_posix(): found
        for path in site.rglob("*.html")
        if (found := Page(path.read_text("utf-8")).inline)
    }
    assert inside == {}
    sheets = list(site.rglob("*.css"))
    assert sheets
    for sheet in sheets:
        asked = re.findall(r"url\([\"']?([^\"')]+)", sheet.read_text("utf-8"))
        assert [one for one in asked if not (sheet.parent / one).is_file()] == []


def test_the_policy_is_that_of_all_other_pages(answers: dict[str, httpx.Response]):
    policies = {answer.headers["content-security-policy"] for answer in answers.values()}
    assert len(policies) == 1
    assert policies.pop().startswith("default-src 'none'; script-src 'self'; style-src 'self'")


def test_a_browser_searches_without_another_host(service: Served, browser: Browser):
    page = browser.new_page(color_scheme="dark")
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on(
        "request",
        lambda request: None if request.url.startswith(service.url) else said.append(request.url),
    )
    page.goto(f"{service.url}/help/")
    page.get_by_placeholder("Search").click()
    page.get_by_placeholder("Search").press_sequentially("mirrored")
    page.locator(".md-search-result__link").first.click(timeout=LONG)
    page.get_by_role("heading", name="Mirrored").wait_for(timeout=LONG)
    assert page.locator("img[src$='symptom-mirrored.png']").evaluate("it => it.naturalWidth") > 100
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.locator("label[title='Light'], label[title='As the system'], label[title='Dark']").locator(
        "visible=true"
    ).first.click()
    page.wait_for_function(f"getComputedStyle(document.body).backgroundColor !== '{ground}'")
    page.close()
    assert said == []


def test_files_of_the_site_make_one_series_of_times():
    for path in ("/help/", "/help/index.html", "/help/no/such"):
        assert template_of({"type": "http", "path": path}) == "/help"


def test_an_installation_without_the_site_says_so(
    redis: RedisServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(help_site, "SITE", tmp_path / "nothing")
    settings = Settings(data=tmp_path / "data", broker_url=redis.url)
    with served(settings) as running, running.stranger as stranger:
        answer = stranger.get("/help/")
        page = stranger.get("/help/", headers={"accept": "text/html"}).text
        assert stranger.get("/login").status_code == 200
    assert answer.status_code == 404
    assert answer.json()["detail"] == help_site.NOT_BUILT
    assert "no pages of help" in page


def test_this_installation_has_the_site():
    folder = Path(subtomo_server.__file__).parent / "pages" / "help"
    assert (folder / "index.html").is_file(), "install again, or run: mkdocs build"
