from email.message import EmailMessage

from .made import checked, read, texts


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


def test_attachments_are_counted_and_their_names_kept_out() -> None:
    message = mail()
    message.add_attachment(b"%PDF-", maintype="application", subtype="pdf", filename="secret.pdf")
    document = checked(read(message.as_bytes(), "a.eml"))
    assert tuple(entry.reason for entry in document.ledger) == (
        "1 attached file was not read; add each by itself.",
    )
    assert "secret" not in document.text


def test_plain_text_goes_before_html() -> None:
    message = mail()
    message.add_alternative("<p>Other words</p>", subtype="html")
    assert "Other words" not in read(message.as_bytes(), "a.eml").text


def test_html_alone_is_stripped() -> None:
    message = mail("")
    html = "<style>p{}</style><p>The rent&nbsp;is <b>due</b>.</p><script>x()</script><ul><li>One<li>Two</ul>"
    message.set_content(html, subtype="html")
    assert texts(checked(read(message.as_bytes(), "a.eml")))[2:] == ["The rent is due.", "One", "Two"]


def test_an_unknown_character_set_and_a_message_without_a_body() -> None:
    odd = mail().as_bytes().replace(b'charset="utf-8"', b'charset="x-nothing"')
    assert "the rent is due" in read(odd, "a.eml").text
    assert "no text of its own" in read(mail("").as_bytes(), "a.eml").ledger[0].reason
