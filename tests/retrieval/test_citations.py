"""A quotation is the source's own characters, or it is no quotation."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.core import Document, Page
from service.retrieval.citations import (
    cite,
    find_quote,
    holds,
    marked_quotations,
    markers,
    quotations,
    without_markers,
)

SOURCE = (
    "12.2 The Tenant may end this Lease on not less than sixty (60)\n   days’ written “Notice” – at any time.\n\n"
    "12.4 A notice has no effect if any Rent is outstanding."
)


def document(text: str) -> Document:
    middle = len(text) // 2
    return Document(
        "d", "m", "Lease.pdf", "pdf", "", text, (), (Page(1, 0, middle), Page(2, middle, len(text)))
    )


def test_markers_are_numbers_in_brackets() -> None:
    found = markers("Sixty days [1], or so [2, 3]. See [Schedule] and [1996].")
    assert [marker.numbers for marker in found] == [(1,), (2, 3)]
    assert without_markers("Sixty days [1], or so [2, 3].") == "Sixty days, or so."


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("It says “sixty days”.", ["sixty days"]),
        ('It says "sixty days" and "rent".', ["sixty days", "rent"]),
        ("the ‘Term’ and the 'Rent'", ["Term", "Rent"]),
        ("‘the tenant’s rent’", ["the tenant’s rent"]),
        ("the tenant's and the landlord's rent", []),
        ("the tenants' rent, the owners' rent", []),
        ("«loyer» and „Miete“", ["loyer", "Miete"]),
    ],
)
def test_quotations_of_every_kind_are_seen(text: str, words: list[str]) -> None:
    assert [quotation.words for quotation in quotations(text)] == words


def test_marked_quotations_are_not_split_at_quotations_inside() -> None:
    text = "The documents say:\n“the “Notice” is due” [1] — Lease.pdf\n“no effect” [2] — Lease.pdf"
    assert marked_quotations(text) == [("the “Notice” is due", 1), ("no effect", 2)]


@pytest.mark.parametrize(
    ("quote", "slice_"),
    [
        ("sixty (60)", "sixty (60)"),
        (
            'sixty (60) days\' written "Notice" - at any time',
            "sixty (60)\n   days’ written “Notice” – at any time",
        ),
        ("the tenant may end this lease", "The Tenant may end this Lease"),
        ("no effect if any Rent is outstanding;", "no effect if any Rent is outstanding"),
    ],
)
def test_a_quote_is_found_in_the_sources_own_characters(quote: str, slice_: str) -> None:
    span = find_quote(quote, SOURCE)
    assert span
    assert SOURCE[span[0] : span[1]] == slice_


@pytest.mark.parametrize("quote", ["ninety days", "sixty (60) months", "", "...", "Rent is  not outstanding"])
def test_what_the_source_does_not_say_is_not_found(quote: str) -> None:
    assert find_quote(quote, SOURCE) is None


def test_a_quote_is_looked_for_only_where_it_may_stand() -> None:
    at = SOURCE.index("12.4")
    assert find_quote("may end", SOURCE, at) is None
    assert find_quote("no effect", SOURCE, at) is not None
    assert find_quote("no effect", SOURCE, 0, at) is None


def test_a_citation_carries_its_place() -> None:
    start = SOURCE.index("A notice")
    citation = cite(3, document(SOURCE), start, len(SOURCE), "12 Break")
    assert (citation.n, citation.page, citation.heading, citation.verified) == (3, 2, "12 Break", True)
    assert holds(citation, SOURCE)
    assert not holds(citation, SOURCE.replace("Rent", "rent"))


@given(st.text(max_size=60), st.integers(-5, 80), st.integers(-5, 80))
def test_a_verified_citation_always_equals_its_source(text: str, start: int, end: int) -> None:
    citation = cite(1, document(text), start, end)
    if citation.verified:
        assert text[citation.start : citation.end] == citation.quote
        assert citation.quote.strip()
        assert holds(citation, text)


@given(st.text(min_size=1, max_size=80), st.data())
def test_every_slice_is_found_and_every_find_is_a_slice(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text) - 1))
    piece = text[start : data.draw(st.integers(start + 1, len(text)))]
    span = find_quote(piece, text)
    assert span is not None or not piece.strip()
    if span:
        assert text[span[0] : span[1]].split() == piece.split()


@given(st.text(alphabet="ab \n\"“”'’-–.,", max_size=20), st.text(alphabet="ab \n\"“”'’-–.,", max_size=60))
def test_a_find_says_the_same_letters(quote: str, text: str) -> None:
    span = find_quote(quote, text)
    if span:
        letters = [c for c in text[span[0] : span[1]] if c.isalnum()]
        assert letters == [c for c in quote if c.isalnum()]
