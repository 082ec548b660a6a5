"""A lawyer's way through the page in a real browser, against the running service."""

import io
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.ui.papers import lease_pdf, letter_docx
from tests.ui.walk import FILES, SLOW, enter, fresh, open_matter, sign_in, wait_for

pytestmark = pytest.mark.browser
BREAK = "How many days of written notice must the Tenant give to determine the Lease?"
PARKING = "Where may the licensee park bicycles?"


@pytest.fixture(scope="module")
def signed_in(browser: Any, house: Any) -> Iterator[Any]:
    """A page of the admin's, signed in, in a matter of its own that holds the two papers."""
    page = fresh(browser)
    page.goto(f"{house.url}/ui")
    page.wait_for_selector("form")
    sign_in(page, "not the password")
    page.wait_for_selector("[role=alert]:visible")
    enter(page, house)
    open_matter(page, "Kestrel Mill")
    upload(page)
    yield page
    page.context.close()


def upload(page: Any) -> None:
    page.click("#talk >> text=Add documents")
    papers = [
        {"name": "Lease.pdf", "mimeType": "application/pdf", "buffer": lease_pdf()},
        {"name": "Letter.docx", "mimeType": "application/octet-stream", "buffer": letter_docx()},
        {"name": "Broken.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.7 nothing follows"},
    ]
    page.set_input_files(FILES, papers)
    for name, state in (("Lease.pdf", "ready"), ("Letter.docx", "ready"), ("Broken.pdf", "damaged")):
        wait_for(page, name, state)


def ask(page: Any, question: str) -> Any:
    """Ask as a new question; the finished answer."""
    page.keyboard.press("Control+n")
    page.wait_for_selector("#here[data-talk='']", state="attached")
    page.fill("#question textarea", question)
    page.keyboard.press("Enter")
    return page.wait_for_selector("#talk article[data-answer]", timeout=SLOW)


def reopen(page: Any, question: str) -> None:
    """The kept conversation that began with a question, its answer on the page."""
    page.click(f"#side .item:has-text('{question[:40]}') .main")
    page.wait_for_selector(f"#side .item.on:has-text('{question[:40]}')")
    page.wait_for_selector("#talk .ev.on")


def evidence(page: Any, document: str) -> Any:
    return page.locator(f"#talk .ev:has-text('{document}')").first


def bare(text: str) -> str:
    """Letters and digits only: line breaks, hyphens and quote marks differ between a page and its text."""
    return re.sub(r"[^a-z0-9]", "", text.lower())


def words_under(marks: list[dict[str, Any]], pdf: bytes) -> str:
    """The words of the PDF that lie under the rectangles drawn over the page pictures."""
    import pypdfium2

    document = pypdfium2.PdfDocument(io.BytesIO(pdf))
    found = ""
    for mark in marks:
        page = document[mark["page"] - 1]
        width, height = page.get_size()
        text = page.get_textpage()
        found += text.get_text_bounded(
            left=mark["x0"] * width - 1,
            right=mark["x1"] * width + 1,
            top=height - mark["y0"] * height + 1,
            bottom=height - mark["y1"] * height - 1,
        )
        text.close()
        page.close()
    document.close()
    return found


MARKS = """() => [...document.querySelectorAll('#source .mark')].map((mark) => {
  const page = mark.closest('figure'), at = page.getBoundingClientRect(), box = mark.getBoundingClientRect();
  return {page: Number(page.id.slice(5)), x0: (box.left - at.left) / at.width, x1: (box.right - at.left) / at.width,
          y0: (box.top - at.top) / at.height, y1: (box.bottom - at.top) / at.height};
})"""
SEEN = """(selector) => {
  const box = document.querySelector(selector).getBoundingClientRect();
  const pane = document.querySelector('#source .pages').getBoundingClientRect();
  return box.top >= pane.top && box.bottom <= pane.bottom;
}"""


def test_a_citation_of_a_pdf_marks_the_quoted_words_on_its_page(signed_in: Any) -> None:
    page = signed_in
    ask(page, BREAK)
    row = evidence(page, "Lease.pdf")
    row.click()
    page.wait_for_selector("#source .mark", state="attached")
    number = row.locator(".chip").inner_text()
    assert set(page.locator("#talk .answer .chip.on").all_inner_texts()) <= {number}
    assert page.inner_text("#talk .ev.on .chip") == number
    quote = row.locator("q").inner_text()
    assert "sixty days" in quote
    assert bare(words_under(page.evaluate(MARKS), lease_pdf())) == bare(quote)
    page.wait_for_function(SEEN, arg="#source .mark")
    page.wait_for_function("document.querySelector('#source figure:has(.mark) img').naturalWidth > 500")


def test_a_citation_of_a_text_marks_the_quoted_words(signed_in: Any) -> None:
    page = signed_in
    ask(page, PARKING)
    row = evidence(page, "Letter.docx")
    row.click()
    page.wait_for_selector("#source mark")
    quote = row.locator("q").inner_text()
    assert "three bicycles" in quote
    assert bare("".join(page.locator("#source mark").all_inner_texts())) == bare(quote)
    page.wait_for_function(SEEN, arg="#source mark")
    assert "<b>{{value}}</b> ${1+1}" in page.inner_text("#source .sheet")


def test_keys_walk_the_sources_and_return_to_the_question(signed_in: Any) -> None:
    page = signed_in
    reopen(page, BREAK)
    numbers = page.locator("#talk .ev .chip").all_inner_texts()
    for key, at in (("]", 1), ("[", 0), ("ArrowUp", -1), ("ArrowDown", 0)):
        page.keyboard.press(key)
        expected = numbers[at % len(numbers)]
        page.wait_for_function(
            f"document.querySelector('#source .step').innerText.startsWith('{expected} of')"
        )
        assert page.inner_text("#talk .ev.on .chip") == expected
    page.locator("#side button").first.focus()
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.closest('#question') !== null")
    page.locator("#side button").first.focus()
    page.keyboard.press("Control+k")
    assert page.evaluate("document.activeElement.closest('#question') !== null")


def test_what_the_documents_do_not_say_is_refused(signed_in: Any) -> None:
    page = signed_in
    ask(page, "What is the boiling point of mercury on the moon?")
    assert "do not answer" in page.inner_text("#talk .refusal")
    assert "Searched" in page.inner_text("#talk .covered summary")


def test_the_conversation_is_kept_named_and_found(signed_in: Any) -> None:
    page = signed_in
    reopen(page, BREAK)
    page.hover("#side .item.on")
    page.click("#side .item.on [title^=Rename]")
    page.fill("dialog input", "Break right")
    page.keyboard.press("Enter")
    page.wait_for_selector("#side .item.on >> text=Break right")
    page.reload()
    page.wait_for_selector("#talk .ev", timeout=SLOW)
    assert "Break right" in page.inner_text("#side .item.on >> nth=0")
    page.fill("#sidehead input", "no such words anywhere")
    page.wait_for_selector("#side .hint")
    page.fill("#sidehead input", "")
    page.wait_for_selector("#side .item >> text=Break right")


@pytest.mark.parametrize(("width", "height"), [(1440, 900), (1024, 768)])
def test_the_page_itself_never_scrolls(signed_in: Any, width: int, height: int) -> None:
    page = signed_in
    page.set_viewport_size({"width": width, "height": height})
    reopen(page, "Break right")
    evidence(page, "Lease.pdf").click()
    page.wait_for_selector("#source .reader", state="visible")
    for view in ("library", "admin", "ask"):
        whole = page.evaluate(
            "[document.documentElement, document.body].map((e) => [e.scrollWidth, e.scrollHeight])"
        )
        assert whole == [[width, height], [width, height]]
        page.keyboard.press("Escape")  # closes the drawer of a narrow window
        page.click(f'#rail [data-id="{view}"]')
        page.wait_for_selector(f'#here[data-view="{view}"]', state="attached")
    page.set_viewport_size({"width": 1440, "height": 900})


def test_dark_is_the_systems_until_chosen_and_then_remembered(signed_in: Any) -> None:
    page = signed_in
    dark = "() => document.body.classList.contains('dark')"
    assert not page.evaluate(dark)
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(dark)
    page.click("#title .who")
    page.click("text=Dark or light")
    page.wait_for_function(f"!({dark})()")
    page.reload()
    page.wait_for_selector("#talk .turn, #talk .empty", timeout=SLOW)
    assert not page.evaluate(dark)
    page.evaluate("localStorage.removeItem('privity.theme')")
    page.emulate_media(color_scheme="light")


def test_nothing_was_fetched_from_outside_and_nothing_failed(signed_in: Any) -> None:
    """Runs last: over all that the page did before."""
    page = signed_in
    hosts = {urlsplit(url).hostname for url in page.asked if not url.startswith(("data:", "blob:"))}
    assert hosts == {"127.0.0.1"}
    assert page.faults == []
    assert page.evaluate("window.hacked") is None


def test_signing_out_leads_to_the_sign_in_page(signed_in: Any) -> None:
    page = signed_in
    page.click("#title .who")
    page.click("text=Sign out")
    page.wait_for_selector("form [name=password]")
    page.goto(page.url.replace("/login", "/ui"))
    page.wait_for_selector("form [name=password]")
