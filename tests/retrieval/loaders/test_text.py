from hypothesis import given
from hypothesis import strategies as st

from service.retrieval.loaders import document_id

from .made import checked, read, texts


@given(st.text(alphabet=st.characters(exclude_categories=["Cc", "Cs"]) | st.sampled_from("\n\r\t")))
def test_a_utf8_text_is_its_own_canonical_text(text: str) -> None:
    if not text.strip() or text.startswith(("%PDF-", "PK", "{\\rtf", "<", "\ufeff", "GIF8")):
        return
    assert checked(read(text.encode(), "a.txt")).text == text


def test_line_endings_and_a_byte_order_mark() -> None:
    raw = "1. RENT\r\n\r\nThe rent is €5.\r\nIt is due monthly.\r"
    document = checked(read(b"\xef\xbb\xbf" + raw.encode(), "lease.txt"))
    assert document.text == raw
    assert texts(document) == ["1. RENT", "The rent is €5.\r\nIt is due monthly."]
    assert document.blocks[0].style == "heading"


def test_other_encodings_are_read_with_a_note() -> None:
    western = read("Die Kündigung – fristlos".encode("cp1252"), "a.txt")
    assert western.text == "Die Kündigung – fristlos"
    assert "Windows-1252" in western.ledger[0].reason
    assert read("Café".encode("utf-16"), "a.txt").text == "Café"


def test_clauses_on_lines_of_their_own_are_blocks() -> None:
    text = (
        "2. TERM\n2.1 It begins now;\n(a) at noon; and\n(b) not before.\nSCHEDULE 1\nLine one, and\nline two."
    )
    assert texts(read(text.encode(), "a")) == [
        "2. TERM",
        "2.1 It begins now;",
        "(a) at noon; and",
        "(b) not before.",
        "SCHEDULE 1",
        "Line one, and\nline two.",
    ]


def test_capitals_over_several_lines_are_one_paragraph() -> None:
    text = (
        "1. LIABILITY\nIN NO EVENT SHALL EITHER PARTY\nBE LIABLE FOR ANY LOSS.\n2. TERM\nSee\nSection 5 and 3"
    )
    found = [text[b.start : b.end] for b in read(text.encode(), "a.txt").blocks]
    assert found[1] == "IN NO EVENT SHALL EITHER PARTY\nBE LIABLE FOR ANY LOSS."


def test_markdown() -> None:
    text = "# Title\nText of\ntwo lines.\n## Sub ##\n- one\n- two\n\n| a | b |\n|---|---|\n| 1 | 2 |\n"
    document = checked(read(text.encode(), "a.md"))
    found = [(b.style, b.level, document.text[b.start : b.end]) for b in document.blocks]
    assert found == [
        ("heading", 1, "Title"),
        ("paragraph", 0, "Text of\ntwo lines."),
        ("heading", 2, "Sub ##"),
        ("list", 0, "- one"),
        ("list", 0, "- two"),
        ("table", 0, "| a | b |\n|---|---|\n| 1 | 2 |"),
    ]
    assert document.text == text


def test_the_id_follows_from_matter_and_bytes() -> None:
    a, b = read(b"same", "a.txt"), read(b"same", "b.txt")
    assert a.id == b.id == document_id("m", a.digest)
    assert a.id != document_id("other", a.digest)
    assert len(a.id) == 21


def test_a_large_text_without_blank_lines_is_read_in_linear_time() -> None:
    read(b"word word word word word\n" * 100_000, "a.txt")
