"""Files inside a PDF come out beside it, and none of them costs the text around it."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.config import Documents
from service.core import Entry, State
from service.retrieval.loaders import Loaded, Unreadable, load
from service.retrieval.loaders.child import Fault, Lost
from service.retrieval.loaders.enclosures import Enclosures

from .made import LIMITS, checked
from .made import pdf as lease
from .portfolio import Inner, packed, portfolio

RENT = "The rent is due on the first of May."
DEED = b"The deed is signed."


def opened(data: bytes, limits: Documents = LIMITS) -> Loaded:
    loaded = load(data, "a.pdf", "m", limits)
    checked(loaded.document)
    return loaded


def names(loaded: Loaded) -> list[str]:
    return [file.name for file in loaded.attachments]


def told(loaded: Loaded) -> list[tuple[str, str]]:
    return [(entry.fate, entry.reason.partition(":")[0]) for entry in loaded.document.ledger]


def test_files_that_are_listed_and_files_clipped_to_a_page_come_out() -> None:
    loaded = opened(
        portfolio([packed(b"deed.txt", DEED), Inner(b"map.txt", b"North")], [Inner(b"pin.txt", b"Pin")])
    )
    assert [(file.name, file.data) for file in loaded.attachments] == [
        ("deed.txt", DEED),
        ("map.txt", b"North"),
        ("pin.txt", b"Pin"),
    ]
    assert loaded.document.text == RENT
    assert loaded.document.ledger == (Entry("attached", "Files inside the PDF: 3; each is filed beside it."),)


def test_a_pdf_without_files_says_nothing_of_them() -> None:
    loaded = opened(portfolio())
    assert (loaded.attachments, loaded.document.ledger) == ((), ())


def test_one_file_in_two_places_comes_out_once() -> None:
    loaded = opened(portfolio([Inner(b"a.txt", DEED), Inner(b"a.txt", DEED)], [packed(b"a.txt", DEED)]))
    assert names(loaded) == ["a.txt"]


def test_a_cover_without_words_does_not_cost_what_is_under_it() -> None:
    loaded = opened(portfolio([Inner(b"deed.txt", DEED)], shown=b""))
    assert (loaded.document.text, names(loaded)) == ("", ["deed.txt"])
    assert told(loaded) == [("odd", "Page 1 is blank."), ("attached", "Files inside the PDF")]
    with pytest.raises(Unreadable) as caught:
        opened(portfolio([Inner(b"deed.txt", b"")], shown=b""))
    assert caught.value.state is State.EMPTY


def test_a_bomb_is_not_unpacked_and_costs_neither_the_text_nor_the_other_files() -> None:
    bomb = packed(b"bomb.txt", b"\0" * 200_000_000, times=2)
    assert len(bomb.data) < 1000
    loaded = opened(portfolio([bomb, Inner(b"deed.txt", DEED)]))
    assert (loaded.document.text, names(loaded)) == (RENT, ["deed.txt"])
    assert told(loaded) == [
        ("attached", "Files inside the PDF"),
        ("unread", "Files inside the PDF that unpack to more than is allowed"),
    ]


def test_after_three_that_are_too_large_no_more_are_unpacked() -> None:
    large = [packed(b"%d.txt" % n, bytes([n]) * 5_000) for n in range(5)]
    loaded = opened(portfolio([Inner(b"deed.txt", DEED), *large]), Documents(max_bytes=4_000))
    assert names(loaded) == ["deed.txt"]
    assert [entry.reason.split(": ")[1][0] for entry in loaded.document.ledger] == ["1", "3", "2"]


def test_all_files_together_unpack_to_no_more_than_one_may() -> None:
    files = [packed(b"%d.txt" % n, bytes([n]) * 1_900) for n in range(3)]
    assert names(opened(portfolio(files), Documents(max_bytes=4_000))) == ["0.txt", "1.txt"]


def test_more_files_than_are_taken_are_counted() -> None:
    loaded = opened(portfolio([Inner(b"%d" % n, b"%d" % n) for n in range(2_010)]))
    assert len(loaded.attachments) == 2_000
    assert "too large: 10;" in loaded.document.ledger[-1].reason


def test_names_never_lead_out() -> None:
    hostile = [
        rb"../../etc/passwd",
        b"/srv/b.txt",
        rb"C:\\c.txt",
        b"a\\000b.txt",
        b"..",
        b"x" * 5_000 + b".txt",
    ]
    loaded = opened(portfolio([Inner(name, b"%d" % n) for n, name in enumerate(hostile)]))
    found = names(loaded)
    assert len(found) == 6
    assert found[:3] == ["passwd", "b.txt", "c.txt"]
    assert found[4:] == ["file", "x" * 116 + ".txt"]
    assert all(0 < len(name) <= 120 and name.isprintable() and ".." not in name for name in found)
    assert ("odd", "Names that led out of a folder") in told(loaded)


def test_what_is_no_file_is_told() -> None:
    listed = b"/Names[(a)<</F(a.txt)>>(b)<</F(b.txt)/EF<</F 99 0 R>>>>(c)(not a file)]"
    loaded = opened(portfolio(names=listed))
    assert (loaded.document.text, loaded.attachments) == (RENT, ())
    assert loaded.document.ledger[0].reason.startswith("Files inside the PDF that could not be taken out: ")


@pytest.mark.parametrize(
    "listed", [b"/Kids[5 0 R 5 0 R]", b"/Kids[1 0 R]", b"/Names 5 0 R", b"/Names[(a)]", b"/Kids" + b"[" * 90]
)
@pytest.mark.timeout(60)
def test_a_list_that_holds_itself_ends(listed: bytes) -> None:
    assert opened(portfolio(names=listed)).document.text == RENT


def test_files_of_a_pdf_that_only_forbids_changes_come_out() -> None:
    """It opens without a password, and its files are encrypted as its pages are."""
    import io

    import pypdfium2
    from reportlab.lib.pdfencrypt import StandardEncryption

    pdf: Any = pypdfium2.PdfDocument(lease(password=StandardEncryption("", ownerPassword="x")))  # type: ignore[arg-type]
    pdf.new_attachment("deed.txt").set_data(DEED)
    file = io.BytesIO()
    pdf.save(file)
    pdf.close()
    assert DEED not in file.getvalue()
    loaded = opened(file.getvalue())
    assert [(inner.name, inner.data) for inner in loaded.attachments] == [("deed.txt", DEED)]


def test_an_encrypted_file_inside_is_handed_on_as_it_is() -> None:
    locked = lease(password="x")
    loaded = opened(portfolio([packed(b"locked.pdf", locked)]))
    assert [file.data for file in loaded.attachments] == [locked]
    with pytest.raises(Unreadable) as caught:
        load(loaded.attachments[0].data, "locked.pdf", "m", LIMITS)
    assert caught.value.state is State.ENCRYPTED


def test_files_that_stop_the_child_cost_only_themselves() -> None:
    def ask(do: str, number: int = 0, **_: object) -> tuple[dict[str, Any], bytes]:
        if do == "listed":
            return {"files": 4}, b""
        if number == 1:
            raise Fault("MemoryError")
        if number == 2:
            raise Lost
        return {"name": f"{number}.txt", "why": ""}, b"x"

    enclosures = Enclosures(ask, 100)
    assert [file.name for file in enclosures.files({})] == ["0.txt"]
    assert dict(enclosures.seen) == {"broken": 2, "rest": 1, "taken": 1, "named": 0}


filters = st.sampled_from(
    [b"", b"/Filter/FlateDecode", b"/Filter[/LZWDecode/ASCIIHexDecode]", b"/Filter/None"]
)
inner = st.builds(
    Inner, st.binary(max_size=9), st.binary(max_size=40), filters, st.sampled_from([b"", b"/UF 3 0 R"])
)


@settings(deadline=None, max_examples=60)
@given(st.lists(inner, max_size=4), st.lists(inner, max_size=2))
def test_whatever_is_inside_the_text_around_it_is_kept(listed: list[Inner], clipped: list[Inner]) -> None:
    assert opened(portfolio(listed, clipped)).document.text in (RENT, "")
