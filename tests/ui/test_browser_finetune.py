"""A trainer's way from a matter to a running fine-tune, in a real browser, on the running service."""

import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.ui.walk import SLOW, enter, fresh, settle

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]
RUNS = 600_000  # ms, for what a training does on a busy machine
STAGE = "#tuned[data-stage={}]"


MATTER = "Short supplies"
STATES = ("Texas", "Ohio", "Maine", "Utah", "Iowa")


def contract(years: int, state: str) -> bytes:
    """Short, so that a step of a training on the whole of it is quick, and worded so that no two are nearly the same:
    those would be kept together, and nothing could be held out."""
    return f"""SUPPLY AGREEMENT

This Supply Agreement is made as of March {years}, 2021 by and between Alder {state}, Inc. and Birch {state} LLC.

1. Term. The term of this Agreement is {years} years from the date first written above.

2. Assignment. In {state}, neither party may assign this Agreement to {state} buyers \
without the prior written consent of {state} Birch.

3. Governing Law. In {state} this Agreement shall be governed by {state} judges and construed in {state} in accordance \
with the laws of the State of {state}.
""".encode()


@pytest.fixture(scope="module")
def matter(house: Any) -> None:
    """Five contracts that the rules find 30 rows in."""
    with house.client() as client:
        id = client.post("/api/matters", json={"name": MATTER}).json()["id"]
        files = [
            ("files", (f"Supplies {state}.txt", contract(years, state)))
            for years, state in enumerate(STATES, 2)
        ]
        assert client.post(f"/api/matters/{id}/documents", files=files).status_code == 202
        settle(client, id)


@pytest.fixture(scope="module")
def page(browser: Any, house: Any, matter: None) -> Iterator[Any]:
    """The fine-tunes' view, an admin signed in and the matter open."""
    page = fresh(browser)
    page.goto(f"{house.url}/ui")
    page.wait_for_selector("form")
    enter(page, house)
    page.click("#title .pick >> nth=0")
    page.click(f"#title .menu >> text={MATTER}")
    page.wait_for_selector(f"#title summary:has-text('{MATTER}')")
    page.click('#rail [data-id="finetune"]')
    at(page, "data")
    yield page
    page.context.close()


def at(page: Any, stage: str, within: float = SLOW) -> None:
    """Waits for a stage; where it does not come, what the page says instead is told."""
    from playwright.sync_api import TimeoutError as NotYet

    try:
        page.wait_for_selector(STAGE.format(stage), state="attached", timeout=within)
    except NotYet:
        now = page.locator("#tuned").get_attribute("data-stage")
        pytest.fail(f"the stage is {now}, not {stage}: {page.inner_text('body')[:3000]}")


def table(tmp_path: Path, rows: int, said: str = "thirty days") -> Path:
    file = tmp_path / "Notices.csv"
    lines = ["asked,passage,answer,file"]
    for n in range(rows):
        lines.append(f'How long is notice {n}?,"Notice {n} is {said} in writing.",{said},Paper {n % 5}.pdf')
    file.write_text("\n".join(lines), "utf-8")
    return file


def bring(page: Any, file: Path) -> None:
    """A file, mapped and taken in as a data set."""
    page.click("#sidehead >> text=New fine-tune")
    page.wait_for_selector(".ways")
    page.set_input_files('#stage [data-upload="finetune"]', file)
    page.wait_for_selector("#mapper .firsts td")
    page.select_option("#mapper [name=part-question]", "asked")
    page.select_option("#mapper [name=part-context]", "passage")
    page.select_option("#mapper [name=part-answer]", "answer")
    page.select_option("#mapper [name=part-group]", "file")
    page.click("#mapper >> text=Take the rows in")
    page.wait_for_selector("#tuned[data-chosen]", state="attached", timeout=SLOW)


def test_a_file_is_previewed_mapped_and_taken_in(page: Any, tmp_path: Path) -> None:
    bring(page, table(tmp_path, 3, f"<img src=x onerror=window.hacked=1> {'x' * 9}"))
    page.wait_for_selector(".told-rows >> text=3 rows were taken in.", timeout=SLOW)
    assert page.locator("#stage .qa").count() == 3
    assert page.locator("#stage img, #mapper img").count() == 0


def test_what_cannot_be_learned_is_told_before_the_start(page: Any) -> None:
    page.click("#runhead >> text=Choose a recipe")
    at(page, "recipe")
    page.click("#runhead >> text=Check before the start")
    page.wait_for_selector("#stage .against >> text=There are 3 rows", timeout=SLOW)
    assert page.locator("#runhead [data-act=tune_launch]").count() == 0


def test_what_is_typed_outlives_a_reload(page: Any) -> None:
    page.click("#runhead >> text=Change the recipe")
    at(page, "recipe")
    page.click("#recipe .seg >> text=Normal")
    page.fill("#recipe [name=field-rank]", "4")
    page.fill("#recipe [name=name]", "notices")
    page.reload()
    at(page, "recipe")
    page.wait_for_selector("#recipe [name=field-rank]")
    assert page.input_value("#recipe [name=field-rank]") == "4"
    assert page.input_value("#recipe [name=name]") == "notices"
    page.wait_for_selector("#recipe >> text=1 choice changed from standard.")


def test_three_clicks_lead_from_a_matter_to_a_running_smoke_run(page: Any) -> None:
    page.click("#sidehead >> text=New fine-tune")
    page.click("#stage [data-act=tune_matter]")
    page.wait_for_selector("#stage .qa.on", timeout=SLOW)
    page.wait_for_selector("#stage .told-rows >> text=new rows from")

    # The queue, walked by keys: nothing of it is needed for the run.
    page.locator("#stage .rowlist").focus()
    first = page.locator("#stage .qa.on").get_attribute("data-row")
    page.keyboard.press("r")
    page.wait_for_selector(f'#stage .qa[data-row="{first}"] .tag:has-text("rejected")')
    page.wait_for_selector("#stage .seg >> text=Rejected 1", timeout=SLOW)
    assert page.locator("#stage .qa.on").get_attribute("data-row") != first
    page.keyboard.press("ArrowUp")
    assert page.locator("#stage .qa.on").get_attribute("data-row") == first
    page.keyboard.press("Enter")
    page.wait_for_selector("#source .reader", timeout=SLOW)
    page.keyboard.press("Escape")
    page.wait_for_selector("#source .reader", state="detached", timeout=SLOW)

    page.click("#runhead >> text=Start smoke run")
    at(page, "run")
    page.wait_for_selector("#side .item.on .main")


def test_its_losses_are_drawn_while_it_runs(page: Any) -> None:
    at(page, "run", 5_000)
    page.wait_for_selector("#plot .curve.train", state="attached", timeout=RUNS)
    page.wait_for_selector("#now .fact >> text=Step", timeout=SLOW)
    assert re.search(r"Loss, held-out loss\s+\d\.\d{3}", page.inner_text("#now"))


def test_a_reload_finds_the_run_again(page: Any) -> None:
    run = page.locator("#tuned").get_attribute("data-run")
    page.reload()
    page.wait_for_selector(f'#tuned[data-run="{run}"]', state="attached", timeout=SLOW)
    page.wait_for_selector("#plot .curve.train", state="attached", timeout=SLOW)


def test_it_is_stopped_and_keeps_its_checkpoint(page: Any) -> None:
    from playwright.sync_api import TimeoutError as NotYet

    stop = page.locator("#runhead >> text=Stop and keep checkpoint")
    with suppress(NotYet):  # on a quick machine it may have ended by then
        if stop.count():
            stop.click(timeout=30_000)
    page.wait_for_selector("#tuned:not([data-going])", state="attached", timeout=RUNS)
    if page.locator("#runhead .tag:has-text('stopped')").count():
        page.wait_for_selector("#runhead >> text=Resume")
        page.wait_for_selector("#stage >> text=Checkpoints kept")


@pytest.mark.parametrize("size", [{"width": 1440, "height": 900}, {"width": 1024, "height": 768}])
def test_the_page_never_scrolls(page: Any, size: Any) -> None:
    page.set_viewport_size(size)
    page.click("#sidehead >> text=New fine-tune")
    page.wait_for_selector(".ways")
    over = "[document.documentElement.scrollWidth - innerWidth, document.documentElement.scrollHeight - innerHeight]"
    assert max(page.evaluate(over)) <= 0


def test_nothing_went_wrong_in_the_page(page: Any) -> None:
    """Runs last: over all that the page did before."""
    assert page.faults == []
    assert page.evaluate("window.hacked") is None
    assert not [url for url in page.asked if not url.startswith(("http://127.0.0.1", "data:", "blob:"))]
