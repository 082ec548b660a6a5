"""The real files: each ends in a Document or in an honest word, and contracts keep the words of the gold text."""

import json
import re
from collections import Counter
from pathlib import Path

import pytest

from service.config import Documents
from service.core import State
from service.retrieval.loaders import Unreadable, recognition, rectangles
from service.retrieval.loaders.pdf import read_both

from .made import checked, read

SHARED = Path(__file__).parents[3].parent / "shared" / "data"
DOCUMENTS = SHARED / "documents"
pytestmark = pytest.mark.skipif(not DOCUMENTS.is_dir(), reason="../shared/data is not there")

STATES = {  # without other programs to help
    "court_real/empty.pdf": State.EMPTY,
    "court_real/image-pdf.pdf": State.EMPTY,
    "court_real/recap_documents__ca4_17.pdf": State.EMPTY,  # a stamp on a scan
    "court_real/word-doc.doc": State.UNSUPPORTED,
}


def words(text: str) -> Counter[str]:
    return Counter(re.findall(r"\w+", text))


def test_every_court_file_and_scan_ends_in_an_honest_state(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    states = dict(STATES)
    for folder in ("court_real", "other_real", "scan_derived"):
        for file in sorted((DOCUMENTS / folder).glob("*.[dp]*")):
            name = f"{folder}/{file.name}"
            expected = State.EMPTY if folder == "scan_derived" else states.pop(name, State.READY)
            try:
                checked(read(file.read_bytes(), file.name))
                state = State.READY
            except Unreadable as error:
                state = error.state
            assert (name, state) == (name, expected)
    assert not states


def test_a_bad_redaction_is_not_passed_on() -> None:
    document = read((DOCUMENTS / "court_real/x-ray__rectangles_yes.pdf").read_bytes(), "a.pdf")
    assert "She answered . (Ex. 1" in document.text
    assert [(entry.fate, entry.pages) for entry in document.ledger] == [("hidden", (1,))]
    other = read((DOCUMENTS / "court_real/x-ray__rectangles_no.pdf").read_bytes(), "a.pdf")
    assert not other.ledger


@pytest.mark.slow
@pytest.mark.skipif(not recognition.available(), reason="Tesseract is not installed")
def test_a_scan_keeps_its_words() -> None:
    file = next((DOCUMENTS / "scan_derived").glob("scan6*.pdf"))
    gold = words(file.with_suffix(".gold.txt").read_text("utf-8"))
    document = checked(read(file.read_bytes(), "a.pdf"))
    assert (gold & words(document.text)).total() / gold.total() > 0.96  # a footer stays once


def test_contracts_keep_their_words() -> None:
    rows = json.loads((DOCUMENTS / "manifest.json").read_text("utf-8"))
    rows = [row for row in rows if row["file"].startswith("pdf_cuad/")]
    for row in sorted(rows, key=lambda row: int(row["bytes"]))[::9]:
        data = (DOCUMENTS / row["file"]).read_bytes()
        kept, whole = read_both(data, Documents())
        gold = words((SHARED / row["gold_text"]).read_text("utf-8"))
        assert (gold & words(kept.text)).total() > 0.97 * gold.total(), row["file"]
        # with the headers and footers that a gold text holds
        assert (gold & words(whole.text)).total() > 0.99 * gold.total(), row["file"]


def test_word_files_keep_their_words_in_order() -> None:
    import docx

    for file in sorted((DOCUMENTS / "docx_derived").glob("*.docx")):
        written = docx.Document(str(file))
        expected = " ".join(p.text for p in written.paragraphs).split()
        text = checked(read(file.read_bytes(), "a.docx")).text.split()
        assert text[: len(expected)] == expected, file.name


def test_rectangles_of_a_real_contract() -> None:
    file = next((DOCUMENTS / "pdf_cuad").glob("ADAMSGOLF*"))
    document = read(file.read_bytes(), "a.pdf")
    quote = "CONSULTANT shall exclusively play/use the MANDATORY PRODUCT."
    start = document.text.index(quote)
    (number, boxes), *others = rectangles(file.read_bytes(), document, start, start + len(quote))
    assert (number, others) == (document.page_at(start), [])
    assert 1 <= len(boxes) <= 2
    assert all(0.05 < x0 < x1 < 0.95 and 0.005 < y1 - y0 < 0.03 for x0, y0, x1, y1 in boxes)
