"""Outlook messages (.msg): read as e-mail is. A message inside the message is handed on as .eml."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from email.message import EmailMessage
from email.policy import SMTP
from io import BytesIO
from typing import Any

from service.config import Documents
from service.core import Entry, State
from service.retrieval.loaders import html
from service.retrieval.loaders.content import Attachment, Content, Part, Unreadable, compose
from service.retrieval.loaders.eml import headed, ledger, plain
from service.retrieval.loaders.packed_rtf import unpacked
from service.retrieval.loaders.rtf import Reader

_RTF, _DISPLAY_TO, _DISPLAY_CC, _SHORT_NAME, _CONTENT_ID = 0x1009, 0x0E04, 0x0E03, 0x3704, 0x3712
_INNER = "__substg1.0_3701000D"  # the storage of a message that is attached
_DEPTH = 5  # messages within messages at most


def read(data: bytes, limits: Documents) -> Content:
    """Raises Unreadable(ENCRYPTED) for a sealed message."""
    from oxmsg import Message

    _check(data)
    message = Message.load(BytesIO(data))
    if (
        message.message_class.upper().startswith("IPM.NOTE.SMIME")
        and "SIGNED" not in message.message_class.upper()
    ):
        reason = "The message is encrypted. Open it in Outlook with its key and save its text."
        raise Unreadable(State.ENCRYPTED, reason)
    body, left_out = _body(message)
    seen: Counter[str] = Counter()
    files = tuple(_attached(message, seen, 1))
    seen["files"] = len(files)
    parts = [*headed(" ".join(message.subject.split()), iter(_people(message))), *body]
    return replace(compose(parts, (*ledger(seen, bool(body)), *left_out)), attachments=files)


def _check(data: bytes) -> None:
    """Streams may share their sectors: together they hold no more than the file, or it is made to deceive."""
    from olefile import OleFileIO  # type: ignore[import-untyped]

    with OleFileIO(BytesIO(data)) as ole:
        if sum(
            entry.size for entry in ole.direntries if entry is not None and entry.entry_type == 2
        ) > 2 * len(data):
            raise Unreadable(State.DAMAGED, "The message states more than it holds. Save it anew in Outlook.")


def _people(message: Any) -> list[tuple[str, str]]:
    sent = message.sent_date
    return [
        ("From", " ".join((message.sender or "").split())),
        ("To", message.properties.str_prop_value(_DISPLAY_TO) or _recipients(message)),
        ("Cc", message.properties.str_prop_value(_DISPLAY_CC) or ""),
        (
            "Date",
            sent.strftime("%a, %d %b %Y %H:%M:%S %z") if sent else message.message_headers.get("Date", ""),
        ),
    ]


def _recipients(message: Any) -> str:
    return "; ".join(f"{person.name} <{person.email_address}>" for person in message.recipients)


def _body(message: Any) -> tuple[list[Part], tuple[Entry, ...]]:
    """The plain text, else the HTML, else the packed RTF, whichever comes first with words in it."""
    if (text := message.body or "").strip():
        return plain(text.replace("\r\n", "\n")), ()
    if (page := message.html_body or "").strip():
        return html.parts(page)
    packed = message.properties.binary_prop_value(_RTF)
    if not packed:
        return [], ()
    reader = Reader()
    reader.read(unpacked(packed))
    return reader.parts, tuple(reader.ledger())


def _attached(message: Any, seen: Counter[str], depth: int) -> Iterator[Attachment]:
    for number, attachment in enumerate(message.attachments, 1):
        name = attachment.file_name or attachment.properties.str_prop_value(_SHORT_NAME) or ""
        inner = next((s for s in attachment._storage.storages if s.name == _INNER), None)
        if inner is not None and depth < _DEPTH:
            yield _as_mail(inner, number, depth)
        elif inner is not None or not (data := attachment.file_bytes):
            seen["broken"] += 1
        elif not name and attachment.properties.str_prop_value(_CONTENT_ID):
            seen["inline"] += 1
        else:
            yield Attachment(name or f"attachment {number}", data)


def _as_mail(storage: Any, number: int, depth: int) -> Attachment:
    """The message in this storage, written as .eml with what is attached to it."""
    from oxmsg import Message
    from oxmsg.properties import Properties

    class Inner(Message):
        """Its table of properties begins eight bytes earlier than that of a file's own message."""

        @property
        def properties(self) -> Properties:
            return Properties(self._storage, properties_header_offset=24)

    message = Inner(storage)
    mail = EmailMessage()
    mail["Subject"] = " ".join(message.subject.split())
    for name, value in _people(message):
        if value:
            mail[f"X-{name}" if name in ("From", "To", "Cc") and "@" not in value else name] = " ".join(
                value.split()
            )
    mail.set_content("\n\n".join(part.accepted for part in _body(message)[0]))
    for inner in _attached(message, Counter(), depth + 1):
        mail.add_attachment(inner.data, maintype="application", subtype="octet-stream", filename=inner.name)
    return Attachment(f"{_titled(message.subject) or f'message {number}'}.eml", mail.as_bytes(policy=SMTP))


def _titled(subject: str) -> str:
    return " ".join("".join(" " if c in '/\\:*?"<>|' else c for c in subject if c.isprintable()).split())[:80]
