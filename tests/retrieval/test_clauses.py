from hypothesis import given
from hypothesis import strategies as st

from service.config import Documents
from service.core import Block, Document, Page, Passage
from service.retrieval.clauses import LONGEST, outline, passages, path_at
from service.retrieval.loaders import load

LIMITS = Documents()
CONTRACT = """SUPPLY AGREEMENT

TABLE OF CONTENTS

1. Definitions ........................ 2
2. Fees ............................... 3
3. Term and Termination ............... 4

This Agreement is made between Alder Ltd and Birch Inc.

1. Definitions. In this Agreement, "Goods" means the goods listed in Schedule A.

2. Fees

2.1 The Buyer shall pay the fees within thirty days of the invoice.

2.2 Late Payment. Interest runs at four per cent a year.

17

(a) from the due date; and

(b) until payment, as Section 9 of the Act provides.

3. Term and Termination. This Agreement lasts for five years. Either party may end it for breach.

SCHEDULE A

Bolts, nuts and washers.
"""


def read(text: str) -> Document:
    return load(text.encode(), "supply.txt", "m", LIMITS).document


def check(document: Document, found: tuple[Passage, ...]) -> None:
    """Every character of a passage is where it says, passages are disjoint, and together they hold all the words."""
    at = 0
    for passage in found:
        assert at <= passage.start < passage.end
        assert document.text[at : passage.start].strip() == ""
        assert document.text[passage.start : passage.end] == passage.text
        at = passage.end
    assert document.text[at:].strip() == ""
    assert len({passage.id for passage in found}) == len(found)


lines = st.one_of(
    st.text(st.characters(exclude_categories=("Cc", "Cs")), max_size=120),
    st.sampled_from(
        ["", "ARTICLE IV TERM", "2.3 Fees. The fee is due.", "(a) first; and", "17", "1. Scope", "x" * 900]
    ),
)


@given(st.lists(lines, max_size=30).map("\n".join), st.sampled_from([200, 500]))
def test_passages_are_where_they_say_disjoint_and_whole(text: str, size: int) -> None:
    document = Document("d", "m", "t", "txt", "", text, (), (Page(1, 0, len(text)),))
    found = passages(document, size)
    check(document, found)
    assert all(len(passage.text) <= LONGEST * size for passage in found)


@given(st.lists(lines, max_size=20).map("\n".join))
def test_the_blocks_of_a_loader_make_whole_passages(text: str) -> None:
    if text.strip():
        document = read(text + "\nend")
        check(document, passages(document))


def test_passages_stand_under_their_headings() -> None:
    document = read(CONTRACT)
    found = passages(document, 200)
    check(document, found)
    late = next(p for p in found if "four per cent" in p.text)
    assert late.path[-2:] == ("2. Fees", "2.2 Late Payment") or late.path[-1] in ("2. Fees", "2.1")
    assert next(p for p in found if "five years" in p.text).path[-1] == "3. Term and Termination"


def test_the_outline_knows_contents_pages_and_references_from_clauses() -> None:
    headings = [heading.text for heading in outline(read(CONTRACT))]
    assert headings.count("1. Definitions") == 1
    assert [h for h in headings if h[0].isdigit()] == [
        "1. Definitions",
        "2. Fees",
        "2.2 Late Payment",
        "3. Term and Termination",
    ]
    assert not any("17" in heading or "Section 9" in heading for heading in headings)
    assert any(heading.startswith("SCHEDULE A") for heading in headings)


def test_a_clause_is_not_cut_when_it_fits() -> None:
    clause = "{}. Topic {}. " + "The parties agree on this point and on no other. " * 9
    document = read("\n\n".join(clause.format(n, "ABCDEFGH"[n]) for n in range(1, 7)))
    assert [p.path[-1] for p in passages(document)] == [f"{n}. Topic {'ABCDEFGH'[n]}" for n in range(1, 7)]


def test_a_passage_knows_its_page() -> None:
    text = "First page. " * 40 + "\n\n" + "Second page. " * 40
    cut = text.index("\n\n")
    document = Document(
        "d",
        "m",
        "t",
        "pdf",
        "",
        text,
        (Block(0, cut, 1), Block(cut + 2, len(text), 2)),
        (Page(1, 0, cut), Page(2, cut + 2, len(text))),
    )
    found = passages(document)
    assert {(p.page, p.text.split()[0]) for p in found} == {(1, "First"), (2, "Second")}


def test_roman_items_and_letters_are_told_apart() -> None:
    rows = "".join(
        f"({c}) item {c} of the list, which is long enough to stand alone. {'word ' * 60}\n\n" for c in "ghij"
    )
    paths = [p.path[-1] for p in passages(read("1. List\n\n(a) a.\n\n" + "(d) d.\n\n(f) f.\n\n" + rows), 300)]
    assert paths[-3:] == ["(h)", "(i)", "(j)"]


def test_a_place_is_named_by_its_own_clause_not_by_its_passage_s_first() -> None:
    text = (
        "1. Duration\n\n1.1 It ends in May.\n\n"
        "2. Limit of liability\n\n2.1 No more than £10 is owed.\n\n2.2 Or less.\n"
    )
    document = read(text)
    assert path_at(document, text.index("No more")) == ("2. Limit of liability", "2.1")
    assert path_at(document, text.index("ends in")) == ("1. Duration", "1.1")
    assert path_at(document, text.index("Or less")) == ("2. Limit of liability", "2.2")
    assert len(passages(document)) == 1
