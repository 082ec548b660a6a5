import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.core import State
from service.retrieval.loaders import Unreadable, load
from service.retrieval.loaders.packed_rtf import unpacked

from .compound import compound, message, properties
from .made import LIMITS, checked, read, texts

CLASS, SUBJECT, BODY, HTML, RTF, SENDER, ADDRESS, TO = (
    0x1A,
    0x37,
    0x1000,
    0x1013,
    0x1009,
    0x0C1A,
    0x0C1F,
    0x0E04,
)
DATA, NAME, CONTENT_ID = 0x3701, 0x3707, 0x3712
INNER = "__substg1.0_3701000D"
HEAD = {CLASS: "IPM.Note", SUBJECT: "Rent", SENDER: "Anna", ADDRESS: "anna@x.example", TO: "Ben; Carl"}


def test_a_message_with_attachments() -> None:
    inner = message(
        {SUBJECT: "Inner: a/b", BODY: "Inner words"}, properties({DATA: b"deep", NAME: "d.txt"}, 8), head=24
    )
    data = compound(
        message(
            {**HEAD, BODY: "Dear Ben,\r\n\r\nthe rent is due."},
            properties({DATA: b"%PDF" * 2000, NAME: "lease.pdf"}, 8),
            {**properties({NAME: "inner"}, 8), INNER: inner},
            properties({DATA: b"PNG", CONTENT_ID: "image001"}, 8),
            properties({NAME: "gone.txt"}, 8),
        )
    )
    loaded = load(data, "a.msg", "m", LIMITS)
    document = checked(loaded.document)
    assert document.kind == "msg"
    assert texts(document) == [
        "Subject: Rent",
        'From: "Anna" <anna@x.example>\nTo: Ben; Carl',
        "Dear Ben,",
        "the rent is due.",
    ]
    assert [attachment.name for attachment in loaded.attachments] == ["lease.pdf", "Inner a b.eml"]
    assert loaded.attachments[0].data == b"%PDF" * 2000
    assert [entry.fate for entry in document.ledger] == ["attached", "dropped", "unread"]
    mail = load(loaded.attachments[1].data, "b.eml", "m", LIMITS)
    assert texts(mail.document)[0] == "Subject: Inner: a/b"
    assert "Inner words" in mail.document.text
    assert [(a.name, a.data) for a in mail.attachments] == [("d.txt", b"deep")]


def test_a_body_of_html_or_packed_rtf_alone() -> None:
    page = compound(message({**HEAD, HTML: b"<html><p>The rent</p><p>is due</p></html>"}))
    assert texts(read(page, "a.msg"))[2:] == ["The rent", "is due"]
    plain = b"{\\rtf1 The rent\\par is due}"
    packed = struct.pack("<II4sI", len(plain) + 12, len(plain), b"MELA", 0) + plain
    assert texts(read(compound(message({**HEAD, RTF: packed})), "a.msg"))[2:] == ["The rent", "is due"]


def test_packed_rtf_by_the_example_of_its_specification() -> None:
    packed = bytes.fromhex(
        "2d0000002b0000004c5a4675f1c5c7a703000a007263706731323542320af32068656c090020627705b06c647d0a800fa0"
    )
    assert unpacked(packed) == b"{\\rtf1\\ansi\\ansicpg1252\\pard hello world}\r\n"
    crossing = bytes.fromhex("1a0000001c0000004c5a4675e2d44b51410004205758595a0d6e7d010eb0")
    assert unpacked(crossing) == b"{\\rtf1 WXYZWXYZWXYZWXYZWXYZ}"


@given(st.binary(max_size=200))
def test_any_bytes_unpack_or_are_refused(data: bytes) -> None:
    unpacked(struct.pack("<II4sI", len(data), 1000, b"LZFu", 0) + data)
    with pytest.raises(ValueError, match="packed text"):
        unpacked(data[:20].ljust(8, b"\0") + b"oops" + data)


def test_a_sealed_message_is_encrypted() -> None:
    with pytest.raises(Unreadable) as caught:
        read(compound(message({**HEAD, CLASS: "IPM.Note.SMIME"})), "a.msg")
    assert caught.value.state is State.ENCRYPTED


def test_streams_that_share_their_sectors_are_refused() -> None:
    data = bytearray(compound(message({**HEAD, BODY: "x" * 5000})))
    entry = data.find("__substg1.0_1000001F".encode("utf-16-le"))
    for at in range(entry, len(data), 128):
        if data[at : at + 2] == b"_\0":
            data[at + 64 + 56 : at + 128] = struct.pack("<Q", 10**7)
    with pytest.raises(Unreadable) as caught:
        read(bytes(data), "a.msg")
    assert caught.value.state is State.DAMAGED
