"""The administrators' pages in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from subtomo_server.auth.accounts import issue_token
from subtomo_server.http.words import exact_size, read_size
from subtomo_store.people import users
from support.browsing import Visit, visiting
from support.serving import Served, client_of

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.slow


@pytest.fixture
def root(browser: Browser, service: Served) -> Iterator[Visit]:
    """A visit of an administrator."""
    token = issue_token(service.store, "root", label="test", role="admin")
    with visiting(browser, service.url, token) as made:
        yield made


def limits(service: Served, name: str) -> tuple[str, bool, int | None, int | None, int | None]:
    with service.store.read() as session:
        found = users.find(session, name)
    return (
        found.role,
        found.disabled,
        found.disk_quota_bytes,
        found.running_jobs,
        found.highest_priority,
    )


def test_an_administrator_makes_a_user_and_changes_what_they_may(root: Visit, service: Served):
    page = root.page
    page.get_by_role("link", name="Users").click()
    page.get_by_label("Name").fill("no spaces")
    page.get_by_role("button", name="Make a user").click()
    assert "cannot name a user" in page.get_by_role("alert").inner_text()
    assert page.get_by_label("Name").input_value() == "no spaces"
    root.forgive(422)
    page.get_by_label("Name").fill("lin")
    page.get_by_role("button", name="Make a user").click()
    text = page.locator("#token").inner_text()
    with client_of(service.url, text) as lin:
        assert lin.get("/me").json()["user"]["name"] == "lin"
        page.get_by_role("link", name="lin").click()
        assert text not in page.content()
        page.get_by_label("Disk quota").fill("1.5 TiB")
        page.get_by_label("Running jobs").fill("7")
        page.get_by_label("Highest priority").fill("80")
        page.get_by_role("button", name="Save").click()
        page.get_by_text("of 1.5 TiB").wait_for()
        assert limits(service, "lin") == ("user", False, 3 << 39, 7, 80)
        page.get_by_role("link", name="lin").click()
        assert page.get_by_label("Disk quota").input_value() == "1536G"
        page.get_by_label("Disk quota").fill("much")
        page.get_by_role("button", name="Save").click()
        assert "'much' is no size" in page.get_by_role("alert").inner_text()
        root.forgive(422)
        for field in ("Disk quota", "Running jobs", "Highest priority"):
            page.get_by_label(field).fill("")
        page.get_by_label("Role").select_option("administrator")
        page.get_by_label("Disabled").check()
        page.get_by_role("button", name="Save").click()
        page.get_by_text("disabled").wait_for()
        assert limits(service, "lin") == ("admin", True, None, None, None)
        assert lin.get("/me").status_code == 401


def test_the_last_administrator_stays_one(root: Visit, service: Served):
    root.open("/users")
    root.page.get_by_role("link", name="root").click()
    root.page.get_by_label("Role").select_option("user")
    root.page.get_by_role("button", name="Save").click()
    assert "only administrator" in root.page.get_by_role("alert").inner_text()
    root.forgive(409)
    assert limits(service, "root")[0] == "admin"


def test_the_pages_fit_a_phone(root: Visit):
    root.page.set_viewport_size({"width": 390, "height": 800})
    for path in ("/", "/users", "/account"):
        root.open(path)
        assert root.page.evaluate("document.documentElement.scrollWidth") <= 390, path


def test_nobody_else_is_offered_the_users(visit: Visit):
    assert visit.page.get_by_role("link", name="Users").count() == 0
    visit.open("/users")
    assert "needs an administrator" in visit.page.content()
    visit.forgive(403)


@pytest.mark.parametrize("count", [0, 1, 1023, 1024, 3 << 39, 5 << 50, 10**12])
def test_a_size_is_read_as_it_was_said(count: int):
    assert read_size(exact_size(count)) == count
