"""A lawyer comes back to an answer whose source has changed since, in a real browser against the running service."""

import io
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.ui.papers import PARAGRAPHS
from tests.ui.walk import SLOW, enter, fresh

pytestmark = pytest.mark.browser
QUESTION = "Where may the licensee park bicycles?"
CITED, COSTS = PARAGRAPHS[1][1], PARAGRAPHS[2][1]


def letter(parking: str, *before: str) -> bytes:
    from docx import Document

    written = Document()
    for text in before:
        written.add_paragraph(text)
    written.add_heading("Parking", level=1)
    written.add_paragraph(parking)
    written.add_heading("Costs", level=1)
    written.add_paragraph(COSTS)
    held = io.BytesIO()
    written.save(held)
    return held.getvalue()


def file(client: httpx.Client, matter: str, content: bytes, replaces: str = "") -> str:
    """A version of the letter in its place."""
    where = f"/api/matters/{matter}/documents"
    files = {"files": ("Letter.docx", content)}
    filed = client.post(where, files=files, data={"replaces": replaces}).json()["documents"][0]
    deadline = time.monotonic() + SLOW / 1000
    while client.get(f"/api/documents/{filed['id']}").json()["state"] != "ready":
        assert time.monotonic() < deadline, "the letter was not read in time"
        time.sleep(0.2)
    return str(filed["id"])


@pytest.fixture(scope="module")
def asked(browser: Any, house: Any) -> Iterator[tuple[Any, httpx.Client, str, str]]:
    """A page with an answer from the letter, and the letter."""
    page = fresh(browser)
    with house.client() as client:
        matter = client.post("/api/matters", json={"name": "Kestrel Yard"}).json()["id"]
        document = file(client, matter, letter(CITED))
        page.goto(f"{house.url}/ui")
        page.wait_for_selector("form")
        enter(page, house)
        page.click("#title .pick >> nth=0")
        page.click("#title .menu >> text=Kestrel Yard")
        page.wait_for_selector("#title summary:has-text('Kestrel Yard')")
        page.fill("#question textarea", QUESTION)
        page.keyboard.press("Enter")
        page.wait_for_selector("#talk .ev", timeout=SLOW)
        yield page, client, matter, document
    page.context.close()


def come_back(page: Any) -> None:
    for view in ("library", "ask"):
        page.click(f'#rail [data-id="{view}"]')
        page.wait_for_selector(f'#here[data-view="{view}"]', state="attached")


def test_an_answer_tells_what_became_of_its_source(asked: Any) -> None:
    page, client, matter, old = asked
    assert page.locator(".since").count() == 0

    same = file(client, matter, letter(CITED, "Our reference: KY/2."), old)
    come_back(page)
    page.wait_for_selector(
        "#talk p.since:not(.lost) >> text=is now version 2; the cited words are still in it"
    )
    page.wait_for_selector("#talk .ev .chip.since")

    new = file(
        client, matter, letter("The licensee may park one car in the front courtyard for a fee."), same
    )
    come_back(page)
    page.wait_for_selector("#talk p.since.lost >> text=is now version 3")
    page.click("#talk .ev:has-text('three bicycles')")
    page.wait_for_selector("#source >> text=This is version 1, as it was cited.")
    assert page.inner_text("#source mark") == CITED

    page.click("#source >> text=Open version 3")
    page.wait_for_selector(f'#source .reader[data-document="{new}"]')
    assert page.locator("#source mark").count() == 0, "the words are not in it"
    page.click("#source >> text=Open the version that was cited")
    page.wait_for_selector(f'#source .reader[data-document="{old}"] mark')

    client.delete(f"/api/documents/{new}")
    page.reload()
    page.wait_for_selector("#talk p.since.lost >> text=Letter.docx has been deleted", timeout=SLOW)
    page.click("#talk .ev >> nth=0")
    page.wait_for_selector("#notice >> text=can no longer be opened")
    assert page.locator("#source mark").count() == 0
    assert page.faults == []
