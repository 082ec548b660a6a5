"""The inspector, the reader and search: what they say of a file, and that the words stay the document's own."""

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ui.desks import COVERAGE, checked, cited, desk, document, filed, plain, talk
from tests.ui.test_panes import read
from ui.desk import Desk, Source
from ui.panes import coverage, draw
from ui.panes.ledger import pages_of
from ui.panes.results import marked
from ui.panes.sheet import sheet
from ui.replies import Document, Found, Mark, Passage, Why


class Words(HTMLParser):
    """The words of the text itself: not what was deleted, not the comments under it."""

    def __init__(self) -> None:
        super().__init__()
        self.beside = 0
        self.open: list[str] = []
        self.words: list[str] = []
        self.crossed = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open.append(tag)
        self.beside += tag in ("del", "aside") or ("class", "terms") in attrs

    def handle_endtag(self, tag: str) -> None:
        self.crossed = self.crossed or self.open.pop() != tag
        self.beside -= tag in ("del", "aside")

    def handle_data(self, data: str) -> None:
        if not self.beside:
            self.words.append(data)


def seen(html: str) -> str:
    """The words that a reader sees, one space between any two elements."""
    return " ".join(" ".join(read(html).words).split())


def inspected(file: Document) -> str:
    return draw(desk(view="library", picked=file))["source"]


def shown(text: str, **change: object) -> str:
    return sheet(Source(plain(**change), text=text))


@pytest.mark.parametrize(
    "state", ["failed", "empty", "encrypted", "damaged", "unsupported", "too_large", "partial"]
)
def test_a_file_that_was_not_read_whole_says_why_and_can_be_read_again(state: str) -> None:
    html = inspected(document(state=state, reason="Ask for it again."))
    assert "Ask for it again." in seen(html)
    assert 'data-act="reread"' in html


@pytest.mark.parametrize("state", ["ready", "queued", "reading", "embedding"])
def test_a_file_that_is_well_or_on_its_way_is_not_read_again(state: str) -> None:
    assert 'data-act="reread"' not in inspected(document(state=state))


def test_facts_that_a_document_does_not_state_are_left_out() -> None:
    said = seen(inspected(document()))
    assert "Lease Parties Harrow Lyle Date 12 Jan 2021 Governing law England and Wales" in said
    assert "Amends" not in said


def test_the_ledger_is_grouped_plainly_with_its_numbers() -> None:
    lines = [
        {"fate": "dropped", "reason": "Page numbers were left out.", "characters": 76, "pages": [1, 2, 3, 7]},
        {"fate": "inserted", "reason": "2 tracked insertions are in the text.", "characters": 9, "pages": []},
    ]
    said = seen(inspected(document(ledger=lines)))
    assert "Left out ! Page numbers were left out. Pages 1–3, 7 76 characters" in said
    assert "Changes and comments" in said


def test_recognition_is_told_page_by_page_the_least_sure_first() -> None:
    pages = [
        document()["page_list"][0] | {"number": n, "confidence": sure}
        for n, sure in ((1, 0.97), (2, 0.71), (3, None))
    ]
    html = inspected(document(page_list=pages))
    assert "2 pages at 84 % on average, 71 % at the least" in seen(html)
    assert html.index("Page 2") < html.index("Page 1<")
    assert "Page 3<" not in html


def test_versions_are_listed_and_the_current_one_is_the_one_replaced() -> None:
    versions = [filed(id="d2", version=2), filed(id="d1", version=1, current=False)]
    html = inspected(document(versions=versions, current=False))
    assert "● Version 2" in seen(html)
    assert 'data-replaces="d2"' in html
    assert 'data-act="read" data-id="d2"' in html


def test_an_older_version_says_so_above_its_words() -> None:
    versions = [filed(id="d2", version=2), filed(id="d1", version=1, current=False)]
    laid = desk(source=Source(document(versions=versions, current=False), text="One."))
    assert "This is version 1. Open the version that is searched" in seen(draw(laid)["source"])


def test_what_amends_what_is_linked_by_name() -> None:
    laid = desk(view="library", picked=document(amended_by=["d9"]), titles={"d9": "Side letter.docx"})
    assert "Amended by Side letter.docx" in seen(draw(laid)["source"])


def test_pages_are_named_in_runs() -> None:
    assert pages_of([3]) == "page 3"
    assert pages_of([9, 1, 2, 3]) == "pages 1–3, 9"


# --- the text


TEXT = "The rent is £5.\nSee clause 2.\n2. Rent means money."


def test_tracked_changes_and_comments_stand_where_they_belong() -> None:
    marks: list[Mark] = [
        {"kind": "inserted", "start": 12, "end": 14, "text": "", "by": "J. Doe", "date": "2023-03-01"},
        {"kind": "deleted", "start": 12, "end": 12, "text": "£4", "by": "", "date": ""},
        {"kind": "comment", "start": 4, "end": 8, "text": "Agreed?", "by": "P. Rao", "date": ""},
    ]
    html = shown(TEXT, marks=marks)
    assert (
        '<del title="Deleted, not yet accepted">£4</del><ins title="Inserted by J. Doe, 1 Mar 2023, not yet'
        in html
    )
    assert "Comment by P. Rao Agreed?" in seen(html)


def test_a_cross_reference_jumps_to_what_it_names_and_a_dead_one_does_not() -> None:
    references = [
        {"start": 20, "end": 28, "label": "clause 2", "target": [30, 50], "document": ""},
        {"start": 0, "end": 3, "label": "clause 9", "target": None, "document": "the Licence"},
    ]
    html = shown(TEXT, references=references)
    assert 'data-goto="30" title="2. Rent means money."' in html
    assert 'class="ref none" title="clause 9: in the Licence"' in html


def test_a_defined_term_leads_to_its_definition_save_inside_it() -> None:
    text = "The Rent is due. Rental and Rent.\nRent means money."
    html = shown(text, definitions=[{"term": "Rent", "start": 34, "end": 51}])
    assert html.count('class="term"') == 1
    assert 'data-term="0" data-goto="34">Rent</span> is due' in html
    assert '<div id="term-0">Rent means money.</div>' in html


@given(
    st.text(alphabet="ab <&\n", max_size=120),
    st.lists(
        st.tuples(
            st.sampled_from(["inserted", "deleted", "comment"]), st.integers(0, 120), st.integers(0, 40)
        ),
        max_size=5,
    ),
    st.lists(st.tuples(st.integers(0, 120), st.integers(1, 30)), max_size=4),
    st.tuples(st.integers(0, 120), st.integers(0, 40)),
)
def test_no_word_is_lost_and_no_tags_cross_however_the_spans_lie(
    text: str, marks: list[tuple[str, int, int]], links: list[tuple[int, int]], cite: tuple[int, int]
) -> None:
    file = plain(
        marks=[
            {"kind": k, "start": s, "end": s if k == "deleted" else s + n, "text": "x", "by": "", "date": ""}
            for k, s, n in marks
        ],
        references=[
            {"start": s, "end": s + n, "label": "c", "target": [0, 1], "document": ""} for s, n in links
        ],
        definitions=[{"term": "ab", "start": 0, "end": 2}],
    )
    citation = cited(start=cite[0], end=cite[0] + cite[1])
    parsed = Words()
    parsed.feed(sheet(Source(file, text=text, citation=citation)).split('<div class="terms"')[0])
    assert "".join("".join(parsed.words).split()) == "".join(text.split())
    assert not parsed.crossed


def test_a_long_text_can_be_read_on() -> None:
    text = "\n".join(f"Line {n} of a very long document." for n in range(20_000))
    html = sheet(Source(plain(), text=text, at=300_000))
    assert html.count('data-act="around"') == 2


# --- search and coverage


def found(**change: object) -> Desk:
    why = Why(meaning=0.71, words=1.0, rerank=0.0, terms=["notice", "sixty*"])
    hit = Passage(
        document="d1",
        title="Lease.pdf",
        start=0,
        end=9,
        text="Sixty days’ notice",
        page=2,
        heading="4 Break",
        score=0.7,
        why=why,
    )
    return desk(view="library", found=Found(passages=[hit | change], coverage=COVERAGE))  # type: ignore[list-item]


def test_a_hit_names_its_place_marks_the_words_and_says_why() -> None:
    html = draw(found())["finds"]
    said = seen(html)
    assert "Lease.pdf · 4 Break · p. 2" in said
    assert "<mark>Sixty</mark>" in html
    assert "<mark>notice</mark>" in html
    assert "Meaning 0.71" in said
    assert "Second look" not in said
    assert "notice, sixty*" in said


def test_a_hit_and_the_outline_tell_the_type_of_clause() -> None:
    html = draw(found(types=["Notice period", "Renewal term"]))["finds"]
    assert '<span class="tag type">Notice period</span><span class="tag type">Renewal term</span>' in html
    assert 'class="tag type"' not in draw(found())["finds"]
    file = document(
        outline=[{"heading": "12 Break", "level": 1, "start": 0, "page": 1, "types": ["Renewal term"]}]
    )
    html = draw(desk(source=Source(file)))["source"]
    assert 'title="12 Break (Renewal term)">12 Break<small>Renewal term</small></button>' in html


def test_a_search_that_finds_nothing_proves_what_it_searched() -> None:
    laid = desk(view="library", found=Found(passages=[], coverage=COVERAGE))
    said = seen(draw(laid)["finds"])
    assert "No passage found" in said
    assert "Searched 14 documents" in said


@given(st.text(max_size=60), st.lists(st.text(max_size=8), max_size=4))
def test_marking_changes_no_word(text: str, terms: list[str]) -> None:
    plainly = text.replace("\r", " ").replace("\x00", " ")
    parsed = Words()
    parsed.feed(f"<p>{marked(plainly, terms)}</p>")
    assert "".join(parsed.words) == plainly


def test_coverage_opens_to_the_silent_pages_and_the_index() -> None:
    said = seen(coverage.line(COVERAGE))
    assert "1 document could not be searched" in said
    assert "Schedule.pdf pages 4, 9" in said
    assert "Index version m1-7f3a" in said


def test_an_answer_kept_before_indexes_had_versions_is_still_shown() -> None:
    older = {name: value for name, value in COVERAGE.items() if name not in ("index", "silent")}
    named = seen(coverage.line(COVERAGE | {"documents": 1, "left_out": 13}))
    assert "Searched 1 of 14 documents" in named
    assert "left out 13 other documents" in named
    assert "Index version" not in coverage.line(older)  # type: ignore[arg-type]


# --- citations and feedback


def test_a_definition_is_a_labelled_extra_and_a_remark_is_a_warning() -> None:
    laid = desk(
        turns=talk("Yes [1].", checked(cited(1), cited(2, role="definition", remark="A tracked insertion.")))
    )
    html = draw(laid)["talk"]
    assert html.count("Definition</span>") == 1
    assert "! A tracked insertion." in seen(html)
    laid.source = Source(
        plain(), text="x" * 50, citation=cited(2, remark="A tracked insertion."), answer="a1", of=2
    )
    assert "A tracked insertion." in seen(draw(laid)["source"])


@pytest.mark.parametrize(
    ("kept", "now", "pressed"), [("good", "", ["Good"]), ("good", "bad", ["Bad"]), (None, "", [])]
)
def test_a_thumb_is_shown_after_a_reload(kept: str | None, now: str, pressed: list[str]) -> None:
    turns = talk("Yes.", checked(cited(1)))
    turns[-1]["feedback"] = kept  # type: ignore[typeddict-item]
    html = draw(desk(turns=turns, verdicts={"a1": now} if now else {}))["talk"]
    assert re.findall(r'<button class="on"[^>]*>(\w+)<', html) == pressed
