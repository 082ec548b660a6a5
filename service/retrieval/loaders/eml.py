"""E-mail (.eml): subject, people and date as lines, then the message's own text. Attached files are handed on."""

import mimetypes
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from email import message_from_bytes
from email.errors import (
    CloseBoundaryNotFoundDefect,
    InvalidBase64CharactersDefect,
    InvalidBase64LengthDefect,
    InvalidBase64PaddingDefect,
    StartBoundaryNotFoundDefect,
)
from email.headerregistry import HeaderRegistry
from email.message import EmailMessage, MIMEPart
from email.policy import EmailPolicy
from typing import Any

from service.config import Documents
from service.core import Entry, State
from service.retrieval.loaders import html
from service.retrieval.loaders.content import Attachment, Content, Part, Unreadable, compose
from service.retrieval.loaders.text import paragraphs, style_of

_PARTS = 500  # of a message at most: Python reads nested ones in the square of their depth
_HEADER_LENGTH, _ABOUT_LENGTH = 10_000, 1_000  # characters; of a header about a part, which is parsed often
_LINES = ("From", "To", "Cc", "Date")
_SEALED = ("multipart/encrypted", "application/pkcs7-mime", "application/x-pkcs7-mime")
_WORDS = ("text/plain", "text/html")
_LOSSES = (
    CloseBoundaryNotFoundDefect,
    StartBoundaryNotFoundDefect,
    InvalidBase64PaddingDefect,
    InvalidBase64CharactersDefect,
    InvalidBase64LengthDefect,
)
_SIGNATURES = ("application/pkcs7-signature", "application/x-pkcs7-signature", "application/pgp-signature")


class _Policy(EmailPolicy):
    """The library's parser for header values takes the square of their length in time: they are cut."""

    def header_source_parse(self, sourcelines: list[str]) -> tuple[str, str]:
        name, value = super().header_source_parse(sourcelines)
        return name, value[: _ABOUT_LENGTH if name.lower().startswith("content-") else _HEADER_LENGTH]


class _Headers:
    """Each header parsed once, however often it is asked for."""

    def __init__(self) -> None:
        self._registry = HeaderRegistry()
        self._parsed: dict[tuple[str, str], Any] = {}

    def __call__(self, name: str, value: str) -> Any:
        if (name, value) not in self._parsed:
            self._parsed[name, value] = self._registry(name, value)
        return self._parsed[name, value]


def read(data: bytes, limits: Documents) -> Content:
    """Raises Unreadable(ENCRYPTED) for a sealed message."""
    if data.lower().count(b"boundary") > _PARTS:
        raise Unreadable(
            State.DAMAGED, "The message is nested too deeply. Save its parts as files of their own."
        )
    message = message_from_bytes(data, policy=_Policy(header_factory=_Headers()))
    assert isinstance(message, EmailMessage)
    _check_sealed(message)
    spoken = _spoken(message)
    body, left_out = _body(spoken)
    lines = ((name, _header(message, name)) for name in _LINES)
    parts = [*headed(_header(message, "Subject"), lines), *body]
    seen: Counter[str] = Counter()
    files = tuple(_attached(message, spoken, seen))
    seen["files"] = len(files)
    told = (*ledger(seen, bool(body)), *_damage(message))
    return replace(compose(parts, (*told, *left_out)), attachments=files)


def headed(subject: str, lines: Iterator[tuple[str, str]]) -> list[Part]:
    """What stands above a message: its subject as a heading, then who wrote to whom and when."""
    parts = [Part(f"Subject: {subject}", "heading", 1)] if subject else []
    return [*parts, Part("\n".join(f"{name}: {value}" for name, value in lines if value))]


def plain(text: str) -> list[Part]:
    return [Part(text[a:b], *style_of(text[a:b])) for a, b in paragraphs(text)]


def ledger(seen: Counter[str], spoken: bool) -> tuple[Entry, ...]:
    """The lines for what came with a message; `spoken` says whether it has a text of its own."""
    lines = []
    if seen["files"]:
        lines.append(Entry("attached", f"Attached files: {seen['files']}; each is filed beside the message."))
    if seen["inline"]:
        lines.append(Entry("dropped", f"Pictures within the message, without a name: {seen['inline']}."))
    if seen["signature"]:
        lines.append(Entry("dropped", f"Electronic signatures: {seen['signature']}; they were not checked."))
    if seen["broken"]:
        lines.append(Entry("unread", f"Attached files that could not be taken out: {seen['broken']}."))
    if not spoken:
        lines.append(Entry("odd", "The message has no text of its own; only its headers were read."))
    return tuple(lines)


def _check_sealed(message: EmailMessage) -> None:
    opaque = str(message.get_param("smime-type", "")) == "signed-data"
    if message.get_content_type() in _SEALED and not opaque:
        reason = "The message is encrypted. Open it in the mail program that holds the key and save its text."
        raise Unreadable(State.ENCRYPTED, reason)


def _header(message: EmailMessage, name: str) -> str:
    return " ".join(str(message[name] or "").split())


def _damage(message: EmailMessage) -> Iterator[Entry]:
    """What the parser met in the parts that were read before."""
    if any(isinstance(defect, _LOSSES) for part in message.walk() for defect in part.defects):
        yield Entry(
            "unread", "The message is damaged or breaks off: some of it may be missing. Get a whole copy."
        )
    if after := (message.epilogue or "").strip():
        reason = (
            "Text after the end of the message was not read: another message, it seems. Save each as a file."
        )
        yield Entry("unread", reason, len(after))


def _spoken(part: MIMEPart) -> list[MIMEPart]:
    """The parts that are the message's own words: of alternatives the first plain one with words in it, or the last."""
    if not part.is_multipart():
        words = part.get_content_maintype() == "multipart" or part.get_content_type() in _WORDS
        return [part] if words and _is_own(part) else []
    if part.get_content_maintype() != "multipart":  # a message inside
        return []
    each = [_spoken(inner) for inner in part.iter_parts() if isinstance(inner, MIMEPart)]
    if part.get_content_subtype() == "related":
        return each[0] if each else []
    if part.get_content_subtype() != "alternative":
        return [own for parts in each for own in parts]
    worded = [parts for parts in each if any(_text(own).strip() for own in parts)]
    simple = (parts for parts in worded if all(own.get_content_subtype() == "plain" for own in parts))
    return next(simple, worded[-1] if worded else [])


def _is_own(part: MIMEPart) -> bool:
    """Whether a text is part of the letter, and not a file that came with it."""
    return not part.is_attachment() and not part.get_filename()


def _body(spoken: Sequence[MIMEPart]) -> tuple[list[Part], tuple[Entry, ...]]:
    body: list[Part] = []
    left_out: list[Entry] = []
    for part in spoken:
        found, told = (
            html.parts(_text(part)) if part.get_content_subtype() == "html" else (plain(_text(part)), ())
        )
        body += found
        left_out += told
    return body, tuple(left_out)


def _text(part: MIMEPart) -> str:
    try:
        return str(part.get_content())
    except LookupError:  # a character set that Python does not know
        payload = part.get_payload(decode=True)
        return payload.decode("latin-1") if isinstance(payload, bytes) else ""


def _attached(message: EmailMessage, spoken: Sequence[MIMEPart], seen: Counter[str]) -> Iterator[Attachment]:
    for number, part in enumerate(_leaves(message), 1):
        kind, name = part.get_content_type(), part.get_filename() or ""
        if part in spoken or (kind in _WORDS and _is_own(part)):
            continue
        if kind in _SIGNATURES:
            seen["signature"] += 1
        elif not name and part.get_content_maintype() == "image":
            seen["inline"] += 1
        elif data := _bytes(part):
            yield Attachment(name or _named(part, number), data)
        else:
            seen["broken"] += 1


def _leaves(part: MIMEPart) -> Iterator[MIMEPart]:
    """The parts that hold something; a message inside the message is one of them."""
    if part.get_content_maintype() != "multipart":
        yield part
        return
    for inner in part.iter_parts():
        assert isinstance(inner, MIMEPart)
        yield from _leaves(inner)


def _bytes(part: MIMEPart) -> bytes:
    if part.get_content_type() == "message/rfc822":
        inner = part.get_payload()
        return inner[0].as_bytes() if isinstance(inner, list) and inner else b""  # type: ignore[union-attr]
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


def _named(part: MIMEPart, number: int) -> str:
    if part.get_content_type() == "message/rfc822":
        return f"message {number}.eml"
    return f"attachment {number}{mimetypes.guess_extension(part.get_content_type()) or ''}"
