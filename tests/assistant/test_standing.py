"""What has become of a kept answer's sources: pure first, then over a real library."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.assistant.standing import Standing, Standings, changes, standing, verbatim
from service.core import Block, Citation, Document, Filed, Page, State
from service.retrieval import cite
from service.retrieval.library import Library
from tests.retrieval.house import database, library, scope

WORDS = "the tenant shall pay a rent of 900 1,200 pounds (a) 4.2 lease. notice; days"
TEXTS = st.lists(st.sampled_from(WORDS.split()), min_size=1, max_size=30)
BLANKS = st.sampled_from((" ", "\n", "  ", "\n\n", "\u00a0"))


def paper(text: str, id: str = "d1", version: int = 1) -> Document:
    return Document(
        id,
        "m1",
        "papers/Lease.docx",
        "docx",
        id,
        text,
        (),
        (Page(1, 0, len(text)),),
        (),
        (),
        (),
        "d1",
        version,
    )


def line(document: Document, current: bool = True) -> Filed:
    return Filed(
        document.id,
        "m1",
        document.title,
        "docx",
        document.digest,
        State.READY,
        "",
        9,
        1,
        0,
        1,
        9,
        0.0,
        family="d1",
        version=document.version,
        current=current,
    )


def stands(cited: Citation, old: Document | None, new: Document | None) -> Standing:
    texts = {one.id: one for one in (old, new) if one}
    here = line(old, old is new) if old else None
    return standing(cited, here, line(new) if new else None, texts.get)


# --- the same words


@given(TEXTS, st.data())
def test_words_of_a_text_are_found_in_it_however_its_blanks_fall(
    words: list[str], data: st.DataObject
) -> None:
    start = data.draw(st.integers(0, len(words) - 1))
    end = data.draw(st.integers(start + 1, len(words)))
    quote = " ".join(words[start:end])
    text = "".join(word + data.draw(BLANKS) for word in words)
    at = sum(map(len, words[:start]))
    found = [text[a:b] for a, b in verbatim(quote, text)]
    assert found
    assert all(one.split() == quote.split() for one in found)
    assert any(len("".join(text[:a].split())) == at for a, b in verbatim(quote, text))


@given(TEXTS, TEXTS)
def test_what_is_found_is_a_run_of_whole_words(quote: list[str], text: list[str]) -> None:
    said, whole = " ".join(quote), " ".join(text)
    runs = [text[at : at + len(quote)] for at in range(len(text))]
    assert bool(list(verbatim(said, whole))) == (quote in runs)


@pytest.mark.parametrize(
    ("quote", "text"),
    [
        ("a rent of 100", "a rent of 1000"),
        ("a rent of 100", "a rent of 100,000 pounds"),
        ("a rent of 100.", "a rent of 100.50"),
        ("00 pounds", "100 pounds"),
        ("500 pounds", "1,500 pounds"),
        ("let the room", "sublet the room"),
        ("The Tenant may", "Subject to clause 9 the Tenant may"),
        ("sixty days.", "sixty days, unless waived."),
        ("", "anything"),
        ("  ", "any  thing"),
    ],
)
def test_words_that_only_look_alike_are_not_found(quote: str, text: str) -> None:
    assert list(verbatim(quote, text)) == []


def test_a_bracket_may_stand_close_to_what_is_before_it() -> None:
    text = "under clause 4(a) the Tenant pays."
    assert [text[a:b] for a, b in verbatim("(a) the Tenant pays.", text)] == ["(a) the Tenant pays."]


# --- what became of them


def test_an_untouched_source_is_current_and_says_nothing() -> None:
    old = paper("Rent is 900.")
    now = stands(cite(1, old, 0, 12), old, old)
    assert (now.state, now.kept, now.told) == ("current", True, "")
    assert now.place is not None
    assert (now.place.start, now.place.end) == (0, 12)


def test_a_newer_version_with_the_words_says_where_they_stand() -> None:
    old, new = paper("Rent is 900."), paper("Preamble.\n\nRent is\n900.", "d2", 3)
    now = stands(cite(1, old, 0, 12), old, new)
    assert (now.state, now.kept, now.document, now.version) == ("changed", True, "d2", 3)
    assert now.place is not None
    assert new.text[now.place.start : now.place.end].split() == ["Rent", "is", "900."]
    assert now.told == "Lease.docx is now version 3; the cited words are still in it."


def test_a_newer_version_without_the_words_says_so() -> None:
    old, new = paper("Rent is 900."), replace(paper("Rent is 9001.", "d2", 2), title="Signed.docx")
    now = stands(cite(1, old, 0, 12), old, new)
    assert now.place is None
    assert now.told == "Lease.docx is now version 2, Signed.docx; the cited words are no longer in it."


def test_of_several_places_the_one_under_the_same_heading_counts() -> None:
    text = "4 Break\nNotice is sixty days.\n5 Rent\nNotice is sixty days."
    starts = (0, 8, 30, 37)
    blocks = tuple(
        Block(start, end, 1, style, level)
        for start, end, style, level in (
            (starts[0], 7, "heading", 1),
            (starts[1], 29, "paragraph", 0),
            (starts[2], 36, "heading", 1),
            (starts[3], len(text), "paragraph", 0),
        )
    )
    old, new = paper("Notice is sixty days."), replace(paper(text, "d2", 2), blocks=blocks)
    for heading, start in (("4 Break", 8), ("5 Rent", 37), ("9 Gone", 8)):
        now = stands(cite(1, old, 0, 21, heading), old, new)
        assert now.place is not None
        assert now.place.start == start
    assert now.told.endswith("the cited words are still in it, under “4 Break”.")


def test_a_file_that_was_read_anew_is_not_taken_for_what_was_cited() -> None:
    old = paper("Rent is 900.")
    cited = cite(1, old, 0, 12)
    moved, lost = paper("Page 1\n\nRent is 900."), paper("Rent is nine hundred.")
    now = stands(cited, moved, moved)
    assert (now.state, now.kept) == ("changed", False)
    assert now.told == "Lease.docx has been read anew; the cited words are still in it."
    now = stands(cited, lost, lost)
    assert now.told == "Lease.docx has been read anew; the cited words are no longer in it."
    now = standing(cited, line(old), line(old), lambda id: None)
    assert (now.state, now.kept, now.place) == ("changed", False, None)
    assert "can be said when it has been read" in now.told


def test_a_deleted_document_and_a_withdrawn_one() -> None:
    old = paper("Rent is 900.")
    cited = cite(1, old, 0, 12)
    assert stands(cited, None, None) == Standing("gone", False, news="Lease.docx has been deleted")
    withdrawn = standing(cited, line(old, False), None, {"d1": old}.get)
    assert (withdrawn.state, withdrawn.kept) == ("gone", True)
    assert withdrawn.told == "Lease.docx was withdrawn with what it came in."


@given(st.lists(st.sampled_from(("current", "still", "lost", "gone")), min_size=1, max_size=9))
def test_the_line_under_an_answer_counts_what_changed(kinds: list[str]) -> None:
    old, new = paper("One. Two."), paper("One.", "d2", 2)
    sources = []
    for n, kind in enumerate(kinds, 1):
        span = (0, 4) if kind == "still" else (5, 9)
        cited = cite(n, old, *span)
        here, counts = {"current": (old, old), "gone": (None, None)}.get(kind, (old, new))
        sources.append((cited, stands(cited, here, counts)))
    told, number = changes(sources), sum(kind != "current" for kind in kinds)
    if not number:
        assert told == ""
        return
    assert told.startswith(
        "The only source has" if len(kinds) == 1 else f"{number} of {len(kinds)} sources ha"
    )
    assert told.count("Lease.docx is now version 2") == (not {"still", "lost"}.isdisjoint(kinds))
    assert ("has been deleted" in told) == ("gone" in kinds)
    for kind, words in (("still", "still in it"), ("lost", " not.")):
        if {"still", "lost"} <= set(kinds):
            assert words in told
            numbers = [f"[{n}]" for n, one in enumerate(kinds, 1) if one == kind]
            assert all(number in told for number in numbers)


def test_the_line_reads_as_a_sentence() -> None:
    old, new = paper("One. Two. Three."), paper("One. Three.", "d2", 3)
    cited = [cite(n, old, *span) for n, span in enumerate(((0, 4), (5, 9), (10, 16)), 1)]
    told = changes([(one, stands(one, old, new)) for one in cited])
    assert told == (
        "3 of 3 sources have changed since: Lease.docx is now version 3; "
        "the words of [1] and [3] are still in it, those of [2] are not."
    )


# --- over a real library

A, B = scope("mat-a"), scope("mat-b")
OLD = b"1. Rent. The tenant shall pay a rent of 900 pounds.\n\n2. Notice. Notice is sixty days."
NEW = b"1. Rent. The tenant shall pay a rent of 1,200 pounds.\n\n2. Notice. Notice is sixty days."


@pytest.fixture
def shelves(tmp_path: Path) -> Iterator[Library]:
    made = database(tmp_path, "mat-a", "mat-b")
    shelves = library(tmp_path, made)
    yield shelves
    shelves.close()
    made.close()


def add(shelves: Library, data: bytes, replaces: str = "") -> str:
    filed = shelves.add(data, "lease.txt", A, "mat-a", "u1", replaces=replaces)
    assert shelves.wait(240)
    return filed.id


def cited(shelves: Library, document: str) -> list[Citation]:
    whole = shelves.read(document, A)
    at = whole.text.index("2. Notice")
    return [cite(1, whole, 0, whole.text.index("\n")), cite(2, whole, at, len(whole.text.rstrip()))]


def states(shelves: Library, sources: list[Citation]) -> list[tuple[str, bool, bool]]:
    standings = Standings(shelves, A)
    return [(now.state, now.kept, now.place is not None) for now in map(standings.of, sources)]


def test_a_citation_follows_its_document_through_its_versions(shelves: Library) -> None:
    first = add(shelves, OLD)
    sources = cited(shelves, first)
    assert [(one.family, one.version) for one in sources] == [(first, 1)] * 2
    assert states(shelves, sources) == [("current", True, True)] * 2
    second = add(shelves, NEW, replaces=first)
    assert states(shelves, sources) == [("changed", True, False), ("changed", True, True)]
    shelves.remove(first, A)  # the old version alone
    assert states(shelves, sources) == [("changed", False, False), ("changed", False, True)]
    shelves.remove(second, A)
    assert states(shelves, sources) == [("gone", False, False)] * 2


def test_an_old_version_that_comes_back_counts_again(shelves: Library) -> None:
    first = add(shelves, OLD)
    sources = cited(shelves, first)
    add(shelves, NEW, replaces=first)
    add(shelves, OLD, replaces=first)
    assert states(shelves, sources) == [("current", True, True)] * 2


def test_answers_that_were_kept_before_versions_were_are_understood(shelves: Library) -> None:
    first = add(shelves, OLD)
    sources = [replace(one, family="", version=0) for one in cited(shelves, first)]
    add(shelves, NEW, replaces=first)
    assert states(shelves, sources) == [("changed", True, False), ("changed", True, True)]


def test_from_behind_a_wall_nothing_is_told_of_a_document(shelves: Library) -> None:
    first = add(shelves, OLD)
    sources = cited(shelves, first)
    add(shelves, NEW, replaces=first)
    now = Standings(shelves, B).of(sources[0])
    assert (now.state, now.document, now.title, now.version, now.place) == ("gone", "", "", 0, None)
    assert shelves.current(first, B) is None
