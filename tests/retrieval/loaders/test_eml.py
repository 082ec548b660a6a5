from email.message import EmailMessage

import pytest

from service.core import State
from service.retrieval.loaders import Unreadable, load

from .made import LIMITS, checked, read, texts


def mail(body: str = "Dear Anna,\n\nthe rent is due on Friday.\n\nBest,\nBen\n") -> EmailMessage:
    message = EmailMessage()
    message["Subject"] = "Re: Miete für März"
    message["From"] = "Ben Ärm <ben@x.example>"
    message["To"] = "anna@x.example"
    message["Date"] = "Mon, 04 Mar 2024 10:00:00 +0000"
    if body:
        message.set_content(body)
    return message


def test_headers_and_body() -> None:
    document = checked(read(mail().as_bytes(), "a.eml"))
    assert texts(document) == [
        "Subject: Re: Miete für März",
        "From: Ben Ärm <ben@x.example>\nTo: anna@x.example\nDate: Mon, 04 Mar 2024 10:00:00 +0000",
        "Dear Anna,",
        "the rent is due on Friday.",
        "Best,\nBen",
    ]
    assert document.blocks[0].style == "heading"


def test_what_is_attached_is_handed_on_and_its_names_kept_out() -> None:
    message = mail()
    message.add_attachment(b"%PDF-", maintype="application", subtype="pdf", filename="secret.pdf")
    message.add_attachment("a,b", subtype="csv", filename="../list.csv")
    message.add_attachment(mail("Inner words"))
    message.add_attachment(b"PNG", maintype="image", subtype="png")
    message.add_attachment(b"PNG", maintype="image", subtype="png", filename="plan.png")
    message.add_attachment(b"x", maintype="application", subtype="pkcs7-signature", filename="smime.p7s")
    loaded = load(message.as_bytes(), "a.eml", "m", LIMITS)
    assert [a.name for a in loaded.attachments] == ["secret.pdf", "../list.csv", "message 4.eml", "plan.png"]
    assert loaded.attachments[0].data == b"%PDF-"
    assert "Inner words" in read(loaded.attachments[2].data, "b.eml").text
    assert [entry.fate for entry in loaded.document.ledger] == ["attached", "dropped", "dropped"]
    assert "secret" not in loaded.document.text + "".join(e.reason for e in loaded.document.ledger)


def test_a_message_inside_a_message_keeps_its_own_attachments() -> None:
    inner = mail("Inner")
    inner.add_attachment(b"deep", maintype="application", subtype="pdf", filename="deep.pdf")
    outer = mail("Outer")
    outer.add_attachment(inner)
    (nested,) = load(outer.as_bytes(), "a.eml", "m", LIMITS).attachments
    loaded = load(nested.data, nested.name, "m", LIMITS)
    assert [(a.name, a.data) for a in loaded.attachments] == [("deep.pdf", b"deep")]


def test_a_sealed_message_is_encrypted() -> None:
    sealed = b"From: a@b\nTo: c@d\nSubject: x\nContent-Type: application/pkcs7-mime; smime-type=enveloped-data\n\nMIAG"
    with pytest.raises(Unreadable) as caught:
        read(sealed, "a.eml")
    assert caught.value.state is State.ENCRYPTED


def test_plain_text_goes_before_html() -> None:
    message = mail()
    message.add_alternative("<p>Other words</p>", subtype="html")
    assert "Other words" not in read(message.as_bytes(), "a.eml").text


def test_html_alone_is_stripped() -> None:
    message = mail("")
    html = "<style>p{}</style><p>The rent&nbsp;is <b>due</b>.</p><script>x()</script><ul><li>One<li>Two</ul>"
    message.set_content(html, subtype="html")
    assert texts(checked(read(message.as_bytes(), "a.eml")))[2:] == ["The rent is due.", "• One", "• Two"]


def test_an_unknown_character_set_and_a_message_without_a_body() -> None:
    odd = mail().as_bytes().replace(b'charset="utf-8"', b'charset="x-nothing"')
    assert "the rent is due" in read(odd, "a.eml").text
    assert "no text of its own" in read(mail("").as_bytes(), "a.eml").ledger[0].reason


def parted(*parts: str, kind: str = "mixed", after: str = "") -> bytes:
    """A message of these parts, each with its own headers."""
    body = "".join(f"--b\n{part}\n" for part in parts)
    head = f'From: a@x.example\nTo: b@x.example\nMIME-Version: 1.0\nContent-Type: multipart/{kind}; boundary="b"\n\n'
    return f"{head}{body}--b--\n{after}".encode()


FIRST, SECOND = "Content-Type: text/plain\n\nThe rent", "Content-Type: text/plain\n\nis EUR 500."
PAGE = "Content-Type: text/html\n\n<p>is due in May.</p>"
FILE = "Content-Type: application/pdf\nContent-Disposition: inline; filename=a.pdf\n\nx"
EMPTY = "Content-Type: text/plain\n\n "


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (parted(FIRST, FILE, SECOND), ["The rent", "is EUR 500."]),
        (parted(FIRST, FILE, PAGE), ["The rent", "is due in May."]),
        (parted(FIRST, PAGE, kind="alternative"), ["The rent"]),
        (parted(EMPTY, PAGE, kind="alternative"), ["is due in May."]),
        (parted(PAGE, FILE, kind="related"), ["is due in May."]),
    ],
)
def test_words_on_both_sides_of_a_file_are_read_and_of_alternatives_one_with_words(
    message: bytes, expected: list[str]
) -> None:
    assert texts(checked(read(message, "a.eml")))[1:] == expected


def test_a_text_that_is_a_file_is_filed_and_not_read_as_the_letter() -> None:
    named = "Content-Type: text/plain; name=list.txt\n\nOne, two."
    loaded = load(parted(FIRST, named), "a.eml", "m", LIMITS)
    assert [file.name for file in loaded.attachments] == ["list.txt"]
    assert "One, two." not in loaded.document.text


@pytest.mark.parametrize(
    "message",
    [
        parted(FIRST, SECOND)[:-6],
        parted(FIRST).replace(b"--b\n", b"--c\n"),
        parted("Content-Type: text/plain\nContent-Transfer-Encoding: base64\n\nVGhlIHJlbnQ@@===A"),
    ],
)
def test_a_damaged_message_says_that_words_may_be_missing(message: bytes) -> None:
    document = read(message, "a.eml")
    assert "The rent" in document.text
    assert [entry.fate for entry in document.ledger if "may be missing" in entry.reason] == ["unread"]


def test_what_follows_the_end_of_a_message_is_told() -> None:
    (entry,) = read(parted(FIRST, after="\nFrom b@x\nFrom: b@x.example\n\nAnother."), "a.eml").ledger
    assert (entry.fate, entry.characters) == ("unread", 36)
