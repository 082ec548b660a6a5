"""An admin's way through the adapters and a lawyer's through the picker, in a real browser, on the running service."""

import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from service.core import LoraFile
from tests.adapters.made import lora
from tests.ui.walk import SLOW, enter, fresh, until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]
NAME = "lease-qa"
PROBE = 600_000  # ms, for the whole of the checks on a busy machine: the probe loads the model anew
MEMBER = "lyle"
QUESTION = "When may the tenant break the lease?"

DROP = """([name, data]) => {
  const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
  const dataTransfer = new DataTransfer();
  dataTransfer.items.add(new File([bytes], name, { type: 'application/zip' }));
  for (const kind of ['dragover', 'drop'])
    document.body.dispatchEvent(new DragEvent(kind, { dataTransfer, bubbles: true, cancelable: true }));
}"""


# Remembers the states of the checks at every drawing of the newest card.
WATCH = """() => {
  window.ticked = [];
  const look = () => {
    const lines = [...document.querySelectorAll('#adapters .admission:first-child .chk')];
    if (lines.length) window.ticked.push(lines.map((line) => line.classList[1]));
  };
  new MutationObserver(look).observe(document.querySelector('#adapters .cards'), { childList: true, subtree: true });
}"""
ORDER = ["passed", "running", "waiting"]


def zipped(folder: Path, **more: str) -> Path:
    """The folder's files in a zip beside it, and others by name."""
    target = folder.with_suffix(".zip")
    with zipfile.ZipFile(target, "w") as archive:
        for file in folder.iterdir():
            archive.write(file, file.name)
        for name, text in more.items():
            archive.writestr(name, text)
    return target


@pytest.fixture(scope="module")
def page(browser: Any, house: Any, samples: dict[str, str]) -> Iterator[Any]:
    """The adapters' view, an admin signed in."""
    page = fresh(browser)
    page.goto(f"{house.url}/ui")
    page.wait_for_selector("form")
    enter(page, house)
    page.click('#rail [data-id="adapters"]')
    page.wait_for_selector("#stock .states .facet")
    yield page
    page.context.close()


def row(page: Any, name: str, version: int = 0) -> Any:
    """A line of the table: a version of an adapter, or one that was refused."""
    named = page.locator("#adapters .file", has=page.locator(".c-name b", has_text=re.compile(f"^{name}$")))
    return named.filter(has=page.locator(".c-version", has_text=f"v{version}")) if version else named


def upload(page: Any, file: Path, name: str = "") -> Any:
    """The card of an upload, once it is sent."""
    page.set_input_files("#adapters .head [data-upload]", file)
    form = page.locator("#adapters .asks")
    form.wait_for()
    if name:
        form.locator("[name=name]").fill(name)
    card = page.locator("#adapters .admission").first
    form.locator("text=Check and add").click()
    return card


def test_an_upload_ticks_check_by_check_until_it_is_ready(page: Any, tmp_path: Path) -> None:
    file = zipped(lora(tmp_path / "Lease QA", seed=41))
    page.set_input_files("#adapters .head [data-upload]", file)
    form = page.locator("#adapters .asks")
    form.wait_for()
    assert form.locator("[name=name]").input_value() == NAME, "suggested by the file's name"
    form.locator("[name=title]").fill("Lease Q&A")
    page.evaluate(WATCH)
    form.locator("text=Check and add").click()
    card = page.locator("#adapters .admission").first
    page.wait_for_selector("#adapters .admission[data-state=ready]", timeout=PROBE)
    assert card.locator(".chk.passed").count() == 6
    seen = page.evaluate("window.ticked")
    assert len({tuple(states) for states in seen}) > 1, "the checks were shown while they ran"
    assert any("running" in states for states in seen)
    assert all(states == sorted(states, key=ORDER.index) for states in seen)
    said = card.inner_text()
    assert "Archive plain" in said
    assert "rank 8" in said
    row(page, NAME, 1).locator(".tag", has_text="ready").wait_for()


def test_it_is_published_from_its_card_and_seen_everywhere(page: Any) -> None:
    page.click("#adapters .admission >> text=Publish v1")
    row(page, NAME, 1).locator(".tag", has_text="published").wait_for(timeout=SLOW)
    page.wait_for_selector("#source .tag:has-text('v1 published')", timeout=SLOW)
    page.wait_for_selector("#source .ledger >> text=v1 came in")
    page.click("#stock [data-state=published]")
    assert row(page, NAME).count() == 1
    page.fill("#stock [data-filter]", "no such adapter")
    page.wait_for_selector("#adapters .empty >> text=No adapter matches")
    page.fill("#stock [data-filter]", "")
    page.click("#stock [data-state='']")


def test_keys_walk_the_table_and_escape_leads_back(page: Any) -> None:
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    page.wait_for_selector("#source header", state="detached")
    page.locator("#adapters .rows").focus()
    page.keyboard.press("Home")
    page.wait_for_selector("#adapters .file.on.at >> nth=0")
    page.wait_for_selector("#source header", timeout=SLOW)
    page.keyboard.press("Escape")
    page.wait_for_selector("#source header", state="detached", timeout=SLOW)


def test_the_answer_says_which_adapter_wrote_it(page: Any) -> None:
    page.click('#rail [data-id="ask"]')
    page.wait_for_selector("#here[data-view=ask]", state="attached")
    page.click("#title .menu.adapter summary")
    words = page.locator("#title .menu.adapter").inner_text()
    assert re.search(r"Lease Q&A\s+v1, published today", words)
    assert re.search(r"The base model\s+no adapter", words)
    page.click(f'#title [data-act="model"][data-id="{NAME}"]')
    page.wait_for_selector("#title .menu.adapter summary:has-text('Lease Q&A · v1')")
    page.fill("#question textarea", QUESTION)
    page.keyboard.press("Enter")
    told = page.wait_for_selector(f"#talk footer span[title]:has-text('{NAME} v1')", timeout=PROBE)
    assert re.fullmatch(r"[0-9a-f]{64}", told.get_attribute("title"))


def test_a_hostile_zip_is_refused_with_every_reason(page: Any, tmp_path: Path) -> None:
    page.click('#rail [data-id="adapters"]')
    page.wait_for_selector("#adapters .file")
    file = zipped(
        lora(tmp_path / "hostile", seed=5, use_dora=True, bias="all"),
        **{"adapter_model.bin": "x", "run.py": "x"},
    )
    card = upload(page, file, "hostile")
    page.wait_for_selector("#adapters .admission[data-state=refused]", timeout=SLOW)
    said = card.inner_text()
    for reason in ("adapter_model.bin", "run.py"):
        assert reason in said
    row(page, "hostile").locator(".tag.bad", has_text="refused").wait_for(timeout=SLOW)
    row(page, "hostile").click()
    page.wait_for_selector("#source .ledger[data-admission]", timeout=SLOW)
    beside = page.inner_text("#source .ledger")
    assert "adapter_model.bin" in beside
    assert "Nothing was added" in beside
    card.locator("text=Dismiss").click()


def test_what_is_dropped_is_asked_for_its_name_and_can_be_cancelled(page: Any, tmp_path: Path) -> None:
    import base64

    data = base64.b64encode(
        zipped(lora(tmp_path / "dropped", rank=1, targets=("v_proj",))).read_bytes()
    ).decode()
    page.evaluate(DROP, ["Dropped.zip", data])
    form = page.locator("#adapters .asks")
    form.wait_for()
    assert form.locator("[name=name]").input_value() == "dropped"
    form.locator("text=Cancel").click()
    form.wait_for(state="detached")


def test_an_upload_on_its_way_is_stopped_and_leaves_nothing(page: Any, house: Any, tmp_path: Path) -> None:
    folder = lora(tmp_path / "large", rank=256, seed=3)
    wire = page.context.new_cdp_session(page)
    wire.send("Network.enable")
    slow = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 400_000}
    wire.send("Network.emulateNetworkConditions", slow)
    card = upload(page, zipped(folder), "large")
    card.locator(".going >> text=Stop").wait_for()
    rooms = house.home / "quarantine"
    assert until(page, lambda: any(rooms.iterdir())), "it was coming in"
    card.locator(".going >> text=Stop").click()
    card.locator(".complaint", has_text="Stopped. Nothing was added.").wait_for()
    assert card.locator("[name=name]").input_value() == "large", "it can be sent again as it was asked for"
    wire.send("Network.emulateNetworkConditions", slow | {"uploadThroughput": -1})
    assert until(page, lambda: not any(rooms.iterdir())), "the quarantine is clean"
    assert row(page, "large").count() == 0
    card.locator("text=Cancel").click()


def test_two_answers_are_compared_side_by_side(page: Any) -> None:
    page.click("#adapters [data-compare]")
    page.wait_for_selector("#compare form", state="visible")
    page.select_option("#compare [name=left]", f"{NAME}@1")
    page.select_option("#compare [name=right]", "base")
    page.fill("#compare [name=question]", QUESTION)
    page.click("#compare >> text=Ask both")
    page.wait_for_selector("#versus section:nth-child(1) footer >> text=lease-qa v1", timeout=PROBE)
    page.wait_for_selector("#versus section:nth-child(2) footer >> text=base", timeout=PROBE)
    page.click("#versus section:nth-child(2) .ev >> nth=0")
    page.wait_for_selector("#source .reader", timeout=SLOW)
    page.keyboard.press("Escape")
    page.wait_for_selector("#source .reader", state="detached", timeout=SLOW)
    page.click("text=Back to the adapters")
    page.wait_for_selector("#adapters .file")


def test_a_second_version_is_tried_published_rolled_back_and_retired(page: Any, tmp_path: Path) -> None:
    upload(page, zipped(lora(tmp_path / "second", seed=42)), NAME)
    page.wait_for_selector("#adapters .admission[data-state=ready]", timeout=PROBE)
    page.click("#adapters .admission >> text=Not now")
    row(page, NAME, 2).click()
    page.click("#source .seg >> text=10 %", timeout=SLOW)
    page.wait_for_selector("#source h3:has-text('Split: v1 90 % · v2 10 %')", timeout=SLOW)
    row(page, NAME, 2).locator(".tag", has_text="10 % of questions").wait_for(timeout=SLOW)
    page.click("#source .figures + p >> text=Publish v2")
    page.wait_for_selector("#source .tag:has-text('v2 published')", timeout=SLOW)
    page.click("#source >> text=Roll back…")
    assert "back to v1" in page.inner_text("dialog p")
    page.click("dialog >> text=Cancel")
    page.click("#source >> text=Roll back…")
    page.click("dialog .p")
    page.wait_for_selector("#source .tag:has-text('v1 published')", timeout=SLOW)
    page.wait_for_selector("#source .ledger >> text=Rolled back to v1", timeout=SLOW)
    page.click("#source .line:has-text('v2')")
    page.click("#source >> text=Retire…", timeout=SLOW)
    page.click("dialog .p")
    page.wait_for_selector("#source .tag:has-text('v2 retired')", timeout=SLOW)
    row(page, NAME, 2).wait_for(state="detached", timeout=SLOW)


def test_a_member_has_the_picker_and_no_way_to_the_adapters(
    browser: Any, house: Any, page: Any, samples: dict[str, str]
) -> None:
    with house.client() as client:
        made = client.post("/api/users", json={"name": MEMBER, "role": "member"})
        assert made.status_code == 201
        matter = next(iter(samples.values()))
        assert client.put(f"/api/matters/{matter}/members/{MEMBER}").is_success
    other = fresh(browser)
    other.goto(f"{house.url}/ui")
    other.fill("[name=name]", MEMBER)
    other.fill("[name=password]", made.json()["password"])
    other.click("button")
    other.wait_for_selector("#here[data-role=member]", state="attached", timeout=SLOW)
    assert other.locator('#rail [data-id="adapters"]').count() == 0
    other.click("#title .menu.adapter summary")
    assert re.search(r"Lease Q&A\s+v1, published today", other.locator("#title .menu.adapter").inner_text())
    other.click(f'#title [data-act="model"][data-id="{NAME}"]')
    other.click(
        "#title .menu.adapter summary"
    )  # perhaps before the bar is drawn anew, through which it stays open
    other.wait_for_selector("#title .menu.adapter summary:has-text('Lease Q&A · v1')", timeout=SLOW)
    assert other.locator("#title .menu.adapter[open]").count() == 1
    other.click("#title >> text=Fix Lease Q&A for this matter…")
    assert "Every question in" in other.inner_text("dialog p")
    other.click("dialog .p")
    other.wait_for_selector("#title .tag:has-text('fixed for this matter')", state="attached", timeout=SLOW)
    other.click("#title .menu.adapter summary")
    other.wait_for_selector("#title .tag:has-text('fixed for this matter')", timeout=SLOW)
    assert other.faults == []
    other.context.close()


def test_what_serves_the_search_is_in_the_table(page: Any) -> None:
    page.click('#rail [data-id="adapters"]')
    line = row(page, "contract-search", 1)
    line.locator(".tag", has_text="serves the search").wait_for(timeout=PROBE)
    line.click()
    page.wait_for_selector("#source .tag:has-text('v1 serves the search')", timeout=SLOW)
    assert page.locator("#source [data-act=withdraw]").count() == 0


def test_nothing_went_wrong_in_the_page(page: Any) -> None:
    """Runs last: over all that the page did before."""
    assert page.faults == []
    assert page.evaluate("window.hacked") is None
    assert LoraFile.WEIGHTS not in " ".join(page.said)
