"""Pages in a real browser."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
FLAGS = ["--no-sandbox", "--no-proxy-server", "--disable-dev-shm-usage"]
# WebGL without a graphics card.
FLAGS += ["--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
LONG = 60_000


@dataclass
class Visit:
    """A page, signed in, and everything it complained about or asked for."""

    page: Page
    url: str
    complaints: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def open(self, path: str) -> None:
        self.page.goto(self.url + path)

    def forgive(self, status: int) -> None:
        """Forget complaints of the browser itself about an answer; the page is not at fault."""
        self.complaints[:] = [told for told in self.complaints if f"status of {status}" not in told]


@contextmanager
def chromium() -> Iterator[Browser]:
    """A headless Chromium; the test is skipped where there is none."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("there is no Chromium on this machine")
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield opened
        opened.close()


@contextmanager
def visiting(browser: Browser, url: str, token: str) -> Iterator[Visit]:
    """Sign in by a token; at the end nothing may have gone wrong."""
    context = browser.new_context()
    page = context.new_page()
    made = Visit(page, url)
    page.on("pageerror", lambda error: made.complaints.append(str(error)))
    page.on(
        "console",
        lambda line: made.complaints.append(line.text) if line.type == "error" else None,
    )
    page.on("request", lambda request: made.asked.append(request.url))
    signed_in = context.request.post(f"{url}/login", form={"token": token}, headers={"origin": url})
    assert signed_in.ok, signed_in.text()
    page.goto(f"{url}/")
    yield made
    context.close()
    assert made.complaints == []
    assert [asked for asked in made.asked if not asked.startswith(url)] == []
