"""E-mail (.eml): subject, people and date as lines, then the message's own text. Attachments are counted."""

from collections.abc import Iterator
from email import message_from_bytes
from email.message import EmailMessage, MIMEPart
from email.policy import EmailPolicy
from typing import Any

from service.config import Documents
from service.core import Entry, State
from service.retrieval.loaders.content import Content, Part, Unreadable, compose
from service.retrieval.loaders.text import paragraphs, style_of

_PARTS = 500  # of a message at most: Python reads nested ones in the square of their depth
_HEADER_LENGTH = 10_000  # characters
_LINES = ("From", "To", "Cc", "Date")
_BREAK = "\x00"  # which no page holds
_BREAKS = frozenset(
    ("address", "article", "blockquote", "br", "dd", "div", "dl", "dt", "h1", "h2", "h3", "h4", "h5", "h6", "hr",
     "li", "ol", "p", "pre", "section", "table", "tr", "ul")
)  # fmt: skip
_SILENT = frozenset(("head", "script", "style", "title"))


class _Policy(EmailPolicy):
    """The library's parser for header values takes the square of their length in time: they are cut."""

    def header_source_parse(self, sourcelines: list[str]) -> tuple[str, str]:
        name, value = super().header_source_parse(sourcelines)
        return name, value[:_HEADER_LENGTH]


def read(data: bytes, limits: Documents) -> Content:
    if data.lower().count(b"boundary") > _PARTS:
        raise Unreadable(
            State.DAMAGED, "The message is nested too deeply. Save its parts as files of their own."
        )
    message = message_from_bytes(data, policy=_Policy())
    assert isinstance(message, EmailMessage)
    body = _body(message)
    parts = [Part(f"Subject: {_header(message, 'Subject')}", "heading", 1)] if message["Subject"] else []
    parts.append(Part("\n".join(f"{name}: {_header(message, name)}" for name in _LINES if message[name])))
    parts += (Part(body[a:b], *style_of(body[a:b])) for a, b in paragraphs(body))
    return compose(parts, tuple(_ledger(message, body)))


def _header(message: EmailMessage, name: str) -> str:
    return " ".join(str(message[name]).split())


def _body(message: EmailMessage) -> str:
    part = message.get_body(("plain", "html"))
    if part is None:
        return ""
    text = _text(part)
    return strip_tags(text) if part.get_content_subtype() == "html" else text


def _text(part: MIMEPart) -> str:
    try:
        return str(part.get_content())
    except LookupError:  # a character set that Python does not know
        payload = part.get_payload(decode=True)
        return payload.decode("latin-1") if isinstance(payload, bytes) else ""


def _ledger(message: EmailMessage, body: str) -> Iterator[Entry]:
    attached = sum(1 for _ in message.iter_attachments())
    if attached:
        were = "s were" if attached > 1 else " was"
        yield Entry("unread", f"{attached} attached file{were} not read; add each by itself.")
    if not body.strip():
        yield Entry("odd", "The message has no text of its own; only its headers were read.")


def strip_tags(html: str) -> str:
    """The text of a page, block elements parted by blank lines."""
    from lxml import etree

    parser = etree.HTMLParser(encoding="utf-8", no_network=True, remove_comments=True, remove_pis=True)
    root = etree.fromstring(html.encode("utf-8", "replace"), parser) if html.strip() else None
    if root is None:
        return ""
    lines = (" ".join(line.split()) for line in "".join(_pieces(root)).split(_BREAK))
    return "\n\n".join(line for line in lines if line)


def _pieces(root: Any) -> Iterator[str]:
    """Text in reading order, with a mark where a block element begins or ends."""
    from lxml import etree

    silent = 0
    for event, element in etree.iterwalk(root, events=("start", "end")):
        yield _BREAK if element.tag in _BREAKS else " " if element.tag in ("td", "th") else ""
        if event == "start":
            silent += element.tag in _SILENT
            text = element.text
        else:
            silent -= element.tag in _SILENT
            text = element.tail
        if text and not silent:
            yield text
