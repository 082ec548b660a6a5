"""What the panes say, and that nothing from outside can become part of the page."""

from dataclasses import replace
from datetime import datetime
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ui.desks import COVERAGE, checked, cited, desk, document, filed, reading, talk
from ui.desk import Desk, Ended, Live, Source
from ui.panes import changed, draw, reconcile, words
from ui.panes import talk as conversation
from ui.panes.pictures import pictures
from ui.panes.sheet import WHOLE, sheet
from ui.replies import Conversation, Found, Key, Marked, Matter, Me, Passage, User, Why

FATES = [
    "kept",
    "dropped",
    "hidden",
    "inserted",
    "deleted",
    "commented",
    "unread",
    "recognised",
    "attached",
    "odd",
]
HOSTILE = '"><img src=x onerror="hacked=1"><script>hacked=1</script>\'{{value}}${1+1}&amp; [1]'


class Tags(HTMLParser):
    """Collects tags, attribute names, and the words that a reader sees (or those inside one tag)."""

    def __init__(self, only: str = "") -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.words: list[str] = []
        self.only = only
        self.inside = not only

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.inside = self.inside or tag == self.only

    def handle_endtag(self, tag: str) -> None:
        if tag == self.only:
            self.inside = False

    def handle_data(self, data: str) -> None:
        if self.inside:
            self.words.append(data)


def read(html: str, only: str = "") -> Tags:
    parsed = Tags(only)
    parsed.feed(html)
    parsed.close()
    return parsed


def seen(html: str) -> str:
    return " ".join("".join(read(html).words).split())


def hostile_desks() -> list[Desk]:
    """Every place where a name, a document, a model or an error can put its words."""
    bad = cited(title=HOSTILE, heading=HOSTILE, quote=HOSTILE, document=HOSTILE)
    behind = checked(
        bad, answer_id=HOSTILE, adapter={"name": HOSTILE, "digest": HOSTILE}, unsupported=[[0, 20]]
    )
    file = document(
        title=HOSTILE,
        digest=HOSTILE,
        kind=HOSTILE,
        reason=HOSTILE,
        ledger=[{"fate": fate, "reason": HOSTILE, "characters": 1, "pages": [1]} for fate in FATES],
        id=HOSTILE,
        state=HOSTILE,
        facts={"type": HOSTILE, "parties": [HOSTILE], "dated": HOSTILE, "law": HOSTILE, "amends": HOSTILE},
        marks=[
            {"kind": kind, "start": 5, "end": 9, "text": HOSTILE, "by": HOSTILE, "date": HOSTILE}
            for kind in ("inserted", "deleted", "comment")
        ],
        definitions=[{"term": "img", "start": 0, "end": 3}, {"term": HOSTILE, "start": 0, "end": 30}],
        references=[
            {"start": 10, "end": 14, "label": HOSTILE, "target": [0, 9], "document": ""},
            {"start": 15, "end": 19, "label": HOSTILE, "target": None, "document": HOSTILE},
        ],
        versions=[
            filed(id=HOSTILE, state=HOSTILE, reason=HOSTILE),
            filed(id="b", current=False, characters=0),
        ],
        attached=[filed(id=HOSTILE, title=HOSTILE)],
        amends=[HOSTILE],
        amended_by=[HOSTILE],
        parent=HOSTILE,
    )
    file["outline"][0] |= {"heading": HOSTILE, "types": [HOSTILE]}
    base = desk(
        me=Me(id="u", name=HOSTILE, role="admin"),
        matters=[Matter(id=HOSTILE, name=HOSTILE, created=0, documents=1, members=1)],
        matter=HOSTILE,
        models=[{"name": HOSTILE, "title": HOSTILE, "version": 1, "digest": HOSTILE}],
        model=HOSTILE,
        conversations=[
            Conversation(
                id=HOSTILE, matter="m", title=HOSTILE, created=0, updated=0, answers=1, citations=1, refused=1
            )
        ],
        notice=HOSTILE,
        picked=file,
        titles={HOSTILE: HOSTILE},
        users=[User(id="u", name=HOSTILE, role="member")],
        members=[User(id="u", name=HOSTILE, role="member")],
        keys=[Key(id=HOSTILE, name=HOSTILE)],
        secret=HOSTILE,
        status={"ready": False, "stage": HOSTILE, "engine": None, "offline": True, "version": HOSTILE},
    )
    why = Why(meaning=0.5, words=0.5, rerank=0.5, terms=[HOSTILE, "img", "script"])
    hit = Passage(
        document="d", title=HOSTILE, start=0, end=1, text=HOSTILE, page=1, heading=HOSTILE, score=1, why=why
    )
    hit["types"] = [HOSTILE]
    shown = Source(file, citation=bad, answer=HOSTILE, of=1, face="pages")
    read_text = Source(file, text=HOSTILE * 2, citation=cited(start=3, end=30, remark=HOSTILE), of=1)
    covered = COVERAGE | {"index": HOSTILE, "silent": [{"document": HOSTILE, "title": HOSTILE, "pages": [1]}]}
    engine = {"model": HOSTILE, "engine": HOSTILE, "threads": 2, "waiting": 0, "running": 0}
    engine |= {"tokens_per_second": 1.0, "first_token_seconds": 1.0}
    return [
        replace(base, turns=talk(HOSTILE, behind), source=shown),
        replace(base, turns=talk(HOSTILE, checked(refused=HOSTILE)), source=read_text),
        replace(base, live=Live(HOSTILE, HOSTILE, covered)),  # type: ignore[arg-type]
        replace(base, ended=Ended(HOSTILE, HOSTILE, HOSTILE, fault=True, citations=[bad])),
        replace(base, found=Found(passages=[hit], coverage=covered), query=HOSTILE, view="library"),  # type: ignore[typeddict-item]
        replace(base, view="library"),
        replace(base, view="admin"),
        replace(
            base, status={"ready": True, "stage": "", "engine": engine, "offline": True, "version": HOSTILE}
        ),
    ]


@pytest.mark.parametrize("laid", hostile_desks())
def test_words_from_outside_stay_words(laid: Desk) -> None:
    for name, html in draw(laid).items():
        parsed = read(html)
        assert "script" not in parsed.tags, name
        assert "onerror" not in parsed.attributes, name
        if "img" in parsed.tags:
            assert "<img src=x" not in html, name


@given(st.text(max_size=80))
def test_any_text_comes_back_as_it_was(text: str) -> None:
    plain = text.replace("\r", " ").replace("\x00", " ")
    assert "".join(read(f"<p>{words.esc(plain)}</p>").words) == plain


def test_a_marker_is_a_chip_only_if_a_citation_has_its_number() -> None:
    html = conversation.prose("Yes [1]. No [7].", checked(cited(1)))
    assert html.count("<button") == 1
    assert "[7]" in html


def test_the_open_citation_is_chosen_in_the_answer_and_the_evidence() -> None:
    laid = desk(turns=talk("Yes [1], if [2].", checked(cited(1), cited(2))))
    laid.source = Source(document(), citation=cited(2), answer="a1", of=2)
    html = draw(laid)["talk"]
    assert html.count('class="chip on"') == 2
    assert html.count('class="ev on"') == 1


def test_what_no_document_bears_out_is_marked_and_said() -> None:
    text = "The notice is void [1]. Landlords often waive it."
    html = conversation.prose(text, checked(cited(1), unsupported=[[24, len(text)]]))
    assert '<span class="unsupported">Landlords often waive it.</span>' in html
    assert "not in the documents" in html
    assert seen(html).startswith("The notice is void 1. Landlords")


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=4))
def test_no_word_of_an_answer_is_lost_however_the_spans_lie(spans: list[tuple[int, int]]) -> None:
    text = "One may break. Two may not. Three is silent on all of it."
    html = conversation.prose(text, checked(unsupported=[list(span) for span in spans]))
    assert "".join(seen(html).replace("not in the documents", "").split()) == "".join(text.split())


def test_an_unverified_quote_is_not_called_verbatim() -> None:
    row = conversation.row(cited(verified=False), "a1", 0)
    assert "unverified" in row
    assert "verbatim" not in row


def test_a_refusal_is_a_card_that_says_what_was_searched() -> None:
    text = "The documents do not answer this question.\nSearched: 14 documents, 412 passages.\nAsk otherwise."
    html = draw(desk(turns=talk(text, checked(refused="nothing_found"))))["talk"]
    assert 'class="card refusal"' in html
    assert "nothing_found" not in html
    assert "Searched: 14 documents, 412 passages." in seen(html)
    line = "Searched 14 documents, 412 passages (2 pages without text, 1 document without an index) · 0.2 s"
    assert line in seen(html)


def test_line_breaks_inside_a_quotation_are_the_pages_own() -> None:
    assert "<br>" not in conversation.prose("“sixty\ndays” [1]", checked(cited(1)))
    assert "<br>" in conversation.prose("One.\nTwo.", checked())


def test_a_line_that_only_repeats_its_evidence_is_left_to_the_list() -> None:
    text = "It is void [1].\n“of no effect” [1] — Lease.pdf, 12.4\nSo they wrote “of no effect” [1]."
    html = conversation.prose(text, checked(cited(1)))
    assert seen(html.replace("<br>", " ")) == "It is void 1. So they wrote “of no effect” 1."


def test_the_footer_tells_adapter_tokens_and_time() -> None:
    html = draw(desk(turns=talk("Yes.", checked(cited(1)))))["talk"]
    assert "<span>base</span><span>128 tokens · 1.8 s</span>" in html


def test_copy_holds_the_answer_and_its_sources() -> None:
    copied = conversation.plain("Void [1].", checked(cited(1, quote="of no\neffect")))
    assert copied == "Void [1].\n\n[1] “of no effect” (Lease.pdf, 12.4 Conditions, p. 15)"


@given(st.text(alphabet="ab \n", min_size=1, max_size=200), st.data())
def test_the_marked_words_are_the_cited_span(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    marked = "".join(read(sheet(reading(text, start, end)), only="mark").words)
    assert "".join(marked.split()) == "".join(text[start:end].split())


def test_a_long_text_shows_a_window_around_the_span() -> None:
    text = "\n".join(f"Line {n} of a very long document." for n in range(20_000))
    assert len(text) > WHOLE
    start = text.index("Line 10000 ")
    html = sheet(reading(text, start, start + 10))
    assert "".join(read(html, only="mark").words) == "Line 10000"
    assert len(html) < len(text)
    assert "earlier characters are not shown" in html


def test_rectangles_lie_on_their_page_in_hundredths() -> None:
    marks: list[Marked] = [{"number": 1, "rects": [[0.1, 0.25, 0.5, 0.3]]}]
    shown = Source(document(), citation=cited(), of=1, marks=marks, face="pages")
    assert "left:10.000%;top:25.000%;width:40.000%;height:5.000%" in pictures(shown)


@pytest.mark.parametrize(
    ("laid", "first"),
    [
        (desk(matters=[], matter=""), "Begin with a matter"),
        (desk(matters=[Matter(id="m1", name="N", created=0, documents=0, members=1)]), "Add documents"),
        (desk(), "Ask about Harrow Estates v Lyle"),
    ],
)
def test_an_empty_desk_says_what_to_do_first(laid: Desk, first: str) -> None:
    assert first in seen(draw(laid)["talk"])


def test_only_an_admin_is_shown_the_way_to_admin() -> None:
    assert "Admin" not in draw(desk())["rail"]
    assert "Admin" in draw(desk(me=Me(id="u", name="n", role="admin")))["rail"]


def test_only_panes_that_changed_are_sent() -> None:
    laid = desk()
    assert set(changed(laid)) == set(draw(laid))
    assert changed(laid) == {}
    laid.notice = "The queue is full."
    assert list(changed(laid)) == ["notice"]


def test_a_drawing_that_was_lost_is_sent_again_with_a_later_stamp() -> None:
    laid = desk()
    first = changed(laid)
    shown = dict(laid.stamps)
    assert first["title"].endswith(f"<!--{shown['title']}-->")
    laid.notice = "The queue is full."
    changed(laid)  # lost on its way
    reconcile(laid, shown)
    assert list(changed(laid)) == ["notice"]
    assert laid.stamps["notice"] > shown["notice"]
    reconcile(laid, laid.stamps)
    assert changed(laid) == {}


def test_dates_are_grouped_as_a_person_would() -> None:
    now = datetime(2026, 11, 19, 12)  # a Thursday
    for when, group in [
        (datetime(2026, 11, 19, 1), "Today"),
        (datetime(2026, 11, 18), "Yesterday"),
        (datetime(2026, 11, 16), "This week"),
        (datetime(2026, 11, 9), "Last week"),
        (datetime(2026, 10, 1), "October"),
        (datetime(2025, 12, 1), "December 2025"),
    ]:
        assert words.day(when.timestamp(), now) == group


def test_the_line_above_defined_terms_goes_with_them() -> None:
    text = "The documents say:\n“of no effect” [1]\nTerms in these words:\n“Rent” [2] — Lease.pdf\nIt is due [1]."
    html = conversation.prose(text, checked(cited(1), cited(2, quote="Rent", role="definition")))
    assert seen(html.replace("<br>", " ")) == "It is due 1."


def test_a_note_stands_above_the_evidence_and_the_lead_is_left_out() -> None:
    citations = [{"n": 1, "quote": "Rent is due."}]
    text = (
        'No document here mentions "DrKoop".\nThe documents say:\n“Rent is due.” [1] — Lease.txt\nSo it is.'
    )
    assert conversation.beside(text, citations) == "So it is."  # type: ignore[arg-type]
    assert "DrKoop" in conversation.noted(text)
