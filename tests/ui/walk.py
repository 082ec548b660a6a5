"""Steps that every walk through the page begins with."""

import time
from collections.abc import Callable
from typing import Any

SLOW = 120_000  # ms, for whatever a busy machine does
ON_THE_WAY = ("queued", "reading", "embedding")
FOLDER = "#shelf [data-add] >> nth=0"
FILES = "#shelf [data-add] >> nth=1"


def fresh(browser: Any) -> Any:
    """A page in a browser of its own, which remembers what it asked for and what went wrong in it."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, color_scheme="light")
    page = context.new_page()
    page.set_default_timeout(SLOW)
    page.asked, page.faults, page.said = [], [], []
    page.on("request", lambda request: page.asked.append(request.url))
    page.on("pageerror", lambda fault: page.faults.append(str(fault)))
    page.on("console", lambda message: page.said.append(message.text))
    return page


def sign_in(page: Any, password: str) -> None:
    page.fill("[name=name]", "admin")
    page.fill("[name=password]", password)
    page.click("button")


def enter(page: Any, house: Any) -> None:
    sign_in(page, house.admin_password)
    page.wait_for_selector("#here", state="attached", timeout=SLOW)
    page.wait_for_selector("#status .dot", timeout=SLOW)


def open_matter(page: Any, name: str) -> None:
    page.click("#title .pick >> nth=0")
    page.click("text=New matter…")
    page.fill("dialog input", name)
    page.keyboard.press("Enter")
    page.wait_for_selector(f"#title summary:has-text('{name}')")
    page.wait_for_selector("#talk >> text=holds no documents yet")


def settle(client: Any, matter: str) -> None:
    """Wait until every document of a matter is in its final state."""
    deadline = time.monotonic() + SLOW / 1000
    path = f"/api/matters/{matter}/documents"
    while any(filed["state"] in ON_THE_WAY for filed in client.get(path).json()["documents"]):
        assert time.monotonic() < deadline, "the documents were not read in time"
        time.sleep(0.2)


def row(page: Any, name: str) -> Any:
    """A file's line in the library."""
    return page.locator("#shelf .file", has=page.locator("b", has_text=name))


def wait_for(page: Any, name: str, state: str) -> None:
    row(page, name).locator(".tag", has_text=state).first.wait_for(timeout=SLOW)


def until(page: Any, true: Callable[[], bool]) -> bool:
    """Whether it becomes true within a minute; the page lives on meanwhile."""
    for _ in range(600):
        if true():
            return True
        page.wait_for_timeout(100)
    return False
