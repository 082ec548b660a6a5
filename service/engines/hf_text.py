"""Messages to tokens and tokens to bytes, with the tokenizer of a transformers folder."""

import contextlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from service.core import Message
from service.errors import BadRequest

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_SPACE = "\u2581"  # how tokenizers of sentencepiece's kind write a space
_LEAD = "\ue002"  # stands before a text that some tokenizers would put a space before, and is taken off again


class Text:
    """The tokenizer and chat template of a model. Safe from any thread once it is made."""

    def __init__(self, folder: Path) -> None:
        """Raises BadRequest when the folder has no tokenizer that can be used."""
        self._speaker = _load(folder)
        self._words: Tokenizer = self._speaker.backend_tokenizer
        self._words.no_truncation()
        self._words.no_padding()
        added = self._speaker.added_tokens_decoder
        self._special = {token.content: number for number, token in added.items() if token.special}
        self._marks = re.compile("|".join(_pattern(one) for one in _longest_first(added)) or "(?!)")
        self._lead = self._leading()
        self._words.encode_special_tokens = True  # from here on no text is read as a special token
        self._pieces = _pieces(self._words, {number: token.special for number, token in added.items()})
        self.end_tokens = self._ends(folder)

    def encode(self, messages: Sequence[Message]) -> list[int]:
        """The prompt's tokens in the model's chat format, open for the answer.

        What the template and the tokenizer make of the messages, except that nothing in a message is ever read as a
        special token: "<|im_end|>" in it stays ten harmless characters.
        """
        tokens: list[int] = []
        text = ""
        for part, special in self._parts(messages):
            if special is None:
                text += part
            else:
                tokens += [*self._plain(text, inside=bool(tokens)), special]
                text = ""
        return tokens + self._plain(text, inside=bool(tokens))

    def piece(self, token: int) -> bytes:
        """The bytes of a token: often a part of a character. Special tokens have none."""
        return self._pieces[token] if token < len(self._pieces) else b""

    def _parts(self, messages: Sequence[Message]) -> Iterator[tuple[str, int | None]]:
        """The prompt in pieces: texts, and the template's special tokens with their numbers."""
        for at, part in enumerate(re.split("\ue000(\\d+)\ue001", self._frame(messages))):
            if at % 2:
                yield messages[int(part)].content, None
                continue
            end = 0
            for mark in self._marks.finditer(part):
                yield part[end : mark.start()], None
                yield "", self._number(mark.group())
                end = mark.end()
            yield part[end:], None

    def _number(self, mark: str) -> int:
        number: int = self._special[mark if mark in self._special else mark.strip()]
        return number

    def _frame(self, messages: Sequence[Message], more: bool = True) -> str:
        """The template's own text, with marks in place of what the messages say; `more` opens it for the answer."""
        from jinja2 import TemplateError

        if not self._speaker.chat_template:
            raise BadRequest("This model has no chat template. Choose an instruct model.")
        chat = [{"role": one.role, "content": f"\ue000{at}\ue001"} for at, one in enumerate(messages)]
        for form in (chat, _without_system(chat)):  # some templates know no system message
            with contextlib.suppress(TemplateError):
                return str(
                    self._speaker.apply_chat_template(form, tokenize=False, add_generation_prompt=more)
                )
        raise BadRequest("The model's chat template does not take these messages in this order.")

    def _plain(self, text: str, inside: bool = False) -> list[int]:
        """Tokens of a text; `inside` says that others stand before it."""
        if not text:
            return []
        if inside and self._lead:
            return self._words.encode(_LEAD + text, add_special_tokens=False).ids[self._lead :]
        return self._words.encode(text, add_special_tokens=False).ids

    def _leading(self) -> int:
        """Tokens of `_LEAD`, if the tokenizer reads a text otherwise at the beginning than after a special token."""
        apart = self._plain("a")
        for special, number in self._special.items():
            together = self._plain(f"{special}a")
            if together[:1] == [number]:
                return 0 if together[1:] == apart else len(self._plain(_LEAD))
        return 0

    def _ends(self, folder: Path) -> frozenset[int]:
        """Every token that ends an answer: those that the files name, and the one that the template puts there."""
        ends = {self._speaker.eos_token_id}
        for name in ("generation_config.json", "config.json"):
            named = _read(folder / name).get("eos_token_id")
            ends |= set(named) if isinstance(named, list) else {named}
        try:
            frame = self._frame([Message("user", ""), Message("assistant", "")], more=False)
        except BadRequest:
            frame = ""
        if found := self._marks.search(frame.partition("\ue0001\ue001")[2]):
            ends.add(self._number(found.group()))
        return frozenset(ends - {None})


def _load(folder: Path) -> Any:
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False)
    except Exception as error:  # whatever the files make of transformers
        raise BadRequest(
            f"The tokenizer in {folder.name} cannot be loaded ({type(error).__name__}). Check `base.model`."
        ) from None
    if not hasattr(tokenizer, "backend_tokenizer"):
        raise BadRequest(f"{folder.name} has no tokenizer.json. Save the model's fast tokenizer there.")
    return tokenizer


def _read(file: Path) -> dict[str, Any]:
    return json.loads(file.read_text("utf-8")) if file.is_file() else {}


def _longest_first(added: Mapping[int, Any]) -> list[Any]:
    special = [token for token in added.values() if token.special and token.content]
    return sorted(special, key=lambda token: -len(token.content))


def _pattern(token: Any) -> str:
    """A special token in a template's text, with the white space that it takes along."""
    before, after = r"\s*" if token.lstrip else "", r"\s*" if token.rstrip else ""
    return f"{before}{re.escape(token.content)}{after}"


def _without_system(chat: Sequence[dict[str, str]]) -> list[dict[str, str]]:
    """The same chat, a system message put at the head of what the user says first."""
    if len(chat) < 2 or (chat[0]["role"], chat[1]["role"]) != ("system", "user"):
        return list(chat)
    return [chat[1] | {"content": f"{chat[0]['content']}\n\n{chat[1]['content']}"}, *chat[2:]]


def _pieces(words: "Tokenizer", added: Mapping[int, bool]) -> list[bytes]:
    """The bytes of every token. `added` says of those that stand beside the vocabulary whether they are special."""
    spell = _spelling(words)
    made = []
    for number in range(1 + max(words.get_vocab(with_added_tokens=True).values())):
        token = words.id_to_token(number) or ""
        if number in added:
            made.append(b"" if added[number] else token.encode())
        else:
            made.append(spell(token))
    return made


def _spelling(words: "Tokenizer") -> Any:
    """How the vocabulary writes bytes: one letter for each, or text with a sign for the space and "<0x0A>"."""
    decoder = words.decoder.__getstate__().decode() if words.decoder else ""
    if '"ByteLevel"' in decoder:
        letters = _letters()
        return lambda token: bytes(letters[letter] for letter in token if letter in letters)
    if '"ByteFallback"' in decoder or '"Metaspace"' in decoder or _SPACE in decoder:
        return _sentencepiece
    raise BadRequest("The model's tokenizer is of a kind that this engine cannot turn into bytes.")


def _sentencepiece(token: str) -> bytes:
    if re.fullmatch(r"<0x[0-9A-F]{2}>", token):
        return bytes([int(token[3:5], 16)])
    return token.replace(_SPACE, " ").encode()


def _letters() -> dict[str, int]:
    """The alphabet of byte-level vocabularies: printable bytes are themselves, the rest follow from 256 on."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {chr(256 + at): byte for at, byte in enumerate(others)}
