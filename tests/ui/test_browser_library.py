"""A lawyer's way through the library in a real browser, against the running service."""

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from email.message import EmailMessage
from typing import Any

import pytest

from tests.ui.desks import FACTS, filed
from tests.ui.papers import lease_pdf, letter_docx
from tests.ui.walk import FILES, FOLDER, SLOW, enter, fresh, open_matter, row, wait_for

pytestmark = pytest.mark.browser
HOSTILE = "<img src=x onerror=window.hacked=1>.txt"
SLATES = b"Slates are grey and <b>heavy</b>."
NOTE = "Note on the roof.\n\nThe roof was renewed in spring.\n\nThe tenant paid for the roof in part.\n"

DROP = """() => {
  const dataTransfer = new DataTransfer();
  dataTransfer.items.add(new File(['A gutter was dropped.'], 'Dropped.txt', { type: 'text/plain' }));
  for (const kind of ['dragover', 'drop'])
    document.body.dispatchEvent(new DragEvent(kind, { dataTransfer, bubbles: true, cancelable: true }));
}"""
TIMED_SORT = """() => {
  const start = performance.now();
  document.querySelector('#shelf [data-sort=size]').click();
  return performance.now() - start;
}"""


def letter_with_enclosure() -> bytes:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "a@example.org", "b@example.org", "Roof survey"
    mail.set_content("The survey of the roof is enclosed.")
    mail.add_attachment("The survey found two loose slates above the hall.", filename="Survey.txt")
    return bytes(mail)


@pytest.fixture(scope="module")
def library(browser: Any, house: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The library of a matter of its own, into which a folder was put."""
    folder = tmp_path_factory.mktemp("papers") / "Roof"
    folder.mkdir()
    files = {
        "Lease.pdf": lease_pdf(),
        "Letter.docx": letter_docx(),
        "Survey sent.eml": letter_with_enclosure(),
    }
    files |= {
        "Note.txt": NOTE.encode(),
        HOSTILE: SLATES,
        "Broken.pdf": b"%PDF-1.7 no",
    }
    for name, data in files.items():
        (folder / name).write_bytes(data)
    page = fresh(browser)
    page.goto(f"{house.url}/ui")
    page.wait_for_selector("form")
    enter(page, house)
    open_matter(page, "Roof of Kestrel Mill")
    page.click('#rail [data-id="library"]')
    page.wait_for_selector("#shelf >> text=No documents yet")
    page.set_input_files(FOLDER, folder)
    for name in ("Lease.pdf", "Letter.docx", "Note.txt", "Survey sent.eml", HOSTILE):
        wait_for(page, name, "ready")
    wait_for(page, "Broken.pdf", "damaged")
    yield page
    page.context.close()


def names(page: Any) -> list[str]:
    return page.locator("#shelf .file .c-title b").all_inner_texts()  # type: ignore[no-any-return]


def shown(page: Any, *expected: str) -> None:
    """Wait until exactly these files are listed, in this order."""
    have = "[...document.querySelectorAll('#shelf .file .c-title b')].map((one) => one.textContent)"
    page.wait_for_function(
        f"(want) => JSON.stringify({have}) === want",
        arg=json.dumps(expected, separators=(",", ":"), ensure_ascii=False),
    )


def opened(page: Any, name: str, shows: str) -> None:
    """Open a file by a double click; again where the list was drawn anew between the two clicks."""
    from playwright.sync_api import TimeoutError as NotYet

    for _ in range(8):
        row(page, name).dblclick()
        with suppress(NotYet):
            page.wait_for_selector(shows, timeout=15_000)
            return
    raise AssertionError(f"{name} did not open")


def clear(page: Any) -> None:
    """Back to the list with nothing chosen and nothing filtered."""
    page.fill("#shelf [data-filter]", "")
    quiet = 0  # looks in a row at which nothing was open: what was chosen last may open late
    for _ in range(400):
        quiet = 0 if page.locator("#source header").count() else quiet + 1
        if quiet == 5:
            return
        if not quiet:
            page.keyboard.press("Escape")
        page.wait_for_timeout(100)
    raise AssertionError("Escape does not lead back to the list")


def test_a_folder_keeps_its_path_and_what_came_inside_stands_under_it(library: Any) -> None:
    page = library
    assert "in Roof" in re.sub(r"\s+", " ", row(page, "Note.txt").inner_text()).replace("Roof", "in Roof", 1)
    assert row(page, "Note.txt").locator("b").get_attribute("title") == "Roof/Note.txt"
    assert HOSTILE in names(page)
    mail = row(page, "Survey sent.eml")
    mail.locator(".twist:not(.none)").wait_for(timeout=SLOW)
    assert "Survey.txt" not in names(page)
    mail.click()
    page.keyboard.press("ArrowRight")
    wait_for(page, "Survey.txt", "ready")
    assert names(page).index("Survey.txt") == names(page).index("Survey sent.eml") + 1
    page.keyboard.press("ArrowLeft")
    row(page, "Survey.txt").wait_for(state="detached")


def test_columns_sort_and_the_filter_and_chips_narrow(library: Any) -> None:
    page = library
    clear(page)
    before = names(page)
    page.click("#shelf [data-sort=title]")
    page.wait_for_selector("#shelf [data-sort=title][aria-sort=descending]")
    assert names(page) == before[::-1]
    page.click("#shelf [data-sort=size]")
    page.wait_for_selector("#shelf [data-sort=size][aria-sort=ascending]")
    assert names(page)[0] == "Broken.pdf"
    page.click("#shelf [data-sort=title]")
    page.keyboard.press("/")
    page.keyboard.type("note")
    shown(page, "Note.txt")
    page.keyboard.press("Escape")
    page.click("#shelf .pill:has-text('Need attention')")
    shown(page, "Broken.pdf")
    page.click("#shelf .pill:has-text('All')")
    page.click("#shelf .pill:has-text('Word')")
    shown(page, "Letter.docx")
    page.click("#shelf .pill:has-text('All')")


def test_find_in_a_text_counts_walks_and_highlights(library: Any) -> None:
    page = library
    clear(page)
    opened(page, "Note.txt", "#source .sheet")
    page.keyboard.press("Control+f")
    page.keyboard.type("the ROOF")
    page.wait_for_function("document.querySelector('#source [data-hits]').textContent === '1 of 3'")
    found = "[...CSS.highlights.get('found')][0].toString()"
    assert page.evaluate("CSS.highlights.get('find').size") == 3
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    page.wait_for_function("document.querySelector('#source [data-hits]').textContent === '3 of 3'")
    assert page.evaluate(found) == "the roof"
    page.keyboard.press("Shift+Enter")
    page.wait_for_function("document.querySelector('#source [data-hits]').textContent === '2 of 3'")
    page.keyboard.press("Escape")
    page.wait_for_function("!CSS.highlights.has('find')")


def test_find_on_page_pictures_marks_the_words_on_their_page(library: Any) -> None:
    page = library
    clear(page)
    opened(page, "Lease.pdf", "#source figure")
    page.keyboard.press("Control+f")
    page.keyboard.type("sixty days")
    page.wait_for_selector("#source #page-2 .mark.found", timeout=SLOW)
    page.keyboard.press("Escape")
    page.click("#source .readbar [data-id=text]")
    page.wait_for_selector("#source .sheet")
    page.click("#source .outline button:has-text('Break right')")
    page.wait_for_selector("#source .sheet p.here:has-text('Break right')")
    page.click("#source [data-do=back]")


def test_a_replacement_takes_the_place_and_the_old_version_stays_to_be_read(library: Any) -> None:
    page = library
    clear(page)
    row(page, "Note.txt").click()
    page.wait_for_selector("#source [data-replaces]", state="attached")
    newer = {
        "name": "Note.txt",
        "mimeType": "text/plain",
        "buffer": b"The roof was renewed in autumn, at last.",
    }
    page.set_input_files("#source [data-replaces]", newer)
    row(page, "Note.txt").locator(".tag", has_text="v2").wait_for(timeout=SLOW)
    page.wait_for_selector("#source .line:has-text('●'):has-text('Version 2')", timeout=SLOW)
    assert names(page).count("Note.txt") == 1
    page.click("#source .line:has-text('Version 1')")
    page.wait_for_selector("#source .sheet >> text=renewed in spring")
    page.click("#source >> text=Open the version that is searched")
    page.wait_for_selector("#source .sheet >> text=renewed in autumn")


def test_the_same_bytes_again_are_a_message_that_names_the_first(library: Any) -> None:
    page = library
    clear(page)
    page.set_input_files(FILES, {"name": "Again.txt", "mimeType": "text/plain", "buffer": SLATES})
    assert HOSTILE in page.wait_for_selector("#shelf .told >> text=Again.txt").inner_text()
    page.click("#shelf .told >> text=Dismiss")
    assert row(page, "Again.txt").count() == 0


def test_what_is_dropped_on_the_library_is_added(library: Any) -> None:
    page = library
    clear(page)
    page.evaluate(DROP)
    wait_for(page, "Dropped.txt", "ready")


def test_exact_words_are_found_marked_explained_and_opened(library: Any) -> None:
    page = library
    clear(page)
    page.fill("#search", "sixty days")
    page.press("#search", "Enter")
    page.wait_for_selector("#seek form", state="visible", timeout=SLOW)
    page.click("#seek >> text=Exact words")
    page.fill("#seek [name=value]", '"loose slates"')
    page.keyboard.press("Enter")
    hit = page.wait_for_selector("#finds .hit:only-of-type:has-text('Survey.txt')", timeout=SLOW)
    assert "slates" in " ".join(page.locator("#finds mark").all_inner_texts())
    assert "Searched" in page.inner_text("#finds .covered summary")
    page.click("#finds .why summary")
    hit.query_selector(".ev").click()
    page.wait_for_selector("#source mark:has-text('loose slates')")
    page.keyboard.press("Escape")
    page.wait_for_selector("#source header", state="detached")
    page.fill("#seek [name=value]", '"slates loose"')
    page.keyboard.press("Enter")
    page.wait_for_selector("#finds >> text=No passage found", timeout=SLOW)
    page.keyboard.press("Escape")
    page.wait_for_selector("#shelf .file")


def test_many_are_chosen_and_deleted_after_a_question(library: Any) -> None:
    page = library
    clear(page)
    more = [
        {"name": f"Spare {n}.txt", "mimeType": "text/plain", "buffer": f"Spare paper {n}.".encode()}
        for n in range(4)
    ]
    page.set_input_files(FILES, more)
    for n in range(4):
        wait_for(page, f"Spare {n}.txt", "ready")
    row(page, "Spare 0.txt").click()
    row(page, "Spare 3.txt").click(modifiers=["Shift"])
    row(page, "Spare 1.txt").click(modifiers=["Control"])
    page.wait_for_selector("#shelf .chosen >> text=3 selected")
    page.keyboard.press("Delete")
    page.click("dialog >> text=Cancel")
    assert row(page, "Spare 0.txt").count() == 1
    page.keyboard.press("Delete")
    assert "Delete 3 documents" in page.inner_text("dialog p")
    page.click("dialog .p")
    for n, left in ((0, 0), (1, 1), (2, 0), (3, 0)):
        row(page, f"Spare {n}.txt").nth(0).wait_for(state="visible" if left else "detached")


def test_two_thousand_rows_stay_light(library: Any) -> None:
    page = library
    many = [
        filed(id=f"x{n}", title=f"court/{'<b>' * (n % 2)}Order {n}.pdf", pages=n, facts=FACTS)
        for n in range(2_000)
    ]
    body = json.dumps({"documents": many})
    page.route(
        "**/api/matters/*/documents", lambda route: route.fulfill(body=body, content_type="application/json")
    )
    page.click('#rail [data-id="ask"]')
    page.wait_for_selector("#here[data-view=ask]", state="attached")
    page.click('#rail [data-id="library"]')
    page.wait_for_selector("#shelf .head >> text=2,000 documents")
    assert page.locator("#shelf .file").count() < 80
    page.locator("#shelf .rows").focus()
    page.keyboard.press("End")
    page.wait_for_selector("#shelf .file.at:has-text('Order 1998.pdf')")
    spent = min(page.evaluate(TIMED_SORT) for _ in range(5))
    assert spent < 500  # milliseconds; about 40 on an idle core
    page.keyboard.press("Control+a")
    page.wait_for_selector("#shelf .chosen >> text=2,000 selected")
    page.unroute("**/api/matters/*/documents")


def test_no_name_became_a_part_of_the_page_and_nothing_was_said_to_the_console(library: Any) -> None:
    """Runs last: over all that the page did before."""
    page = library
    assert page.evaluate("window.hacked") is None
    assert page.faults == []
    assert not [words for words in page.said if "roof" in words.lower()]
    assert not [url for url in page.asked if "oof" in url or "slates" in url]
