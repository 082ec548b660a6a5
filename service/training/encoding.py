"""Rows as tokens, just as they are served: the prompt by the model's own template, then the answer and its end."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from service.training.rendering import Example, Shown, Span, Turn

REPLAYED = 256  # tokens of a general text that are read together
LEAST = 16  # tokens of a general text worth reading


class Tokenizer(Protocol):
    """What is used of transformers' tokenizers."""

    eos_token: str | None
    chat_template: Any

    def apply_chat_template(self, conversation: Any, **more: Any) -> Any: ...
    def encode(self, text: str, **more: Any) -> list[int]: ...
    def decode(self, ids: Any, **more: Any) -> Any: ...


@dataclass(frozen=True, slots=True)
class Encoded:
    """A row's tokens. Those from `start` on are learned: the model is to say them after what stands before."""

    tokens: tuple[int, ...]
    start: int
    replay: bool = False  # general text, and no answer

    @property
    def counted(self) -> int:
        return len(self.tokens) - self.start


def tokenizer(folder: Path) -> Any:
    """The tokenizer of a base's folder; about a second."""
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(str(folder), local_files_only=True)


def encode(example: Example, tokens: Tokenizer, opening: int = 0) -> Encoded:
    """A question and its answer, or no more than the answer's `opening`.

    The two are cut into tokens apart, as they are when a question is served.
    """
    prompt, answer = _texts(example.messages, example.completion, tokens)
    before = tokens.encode(prompt, add_special_tokens=False)
    after = tokens.encode(answer, add_special_tokens=False)
    return Encoded((*before, *after[: opening or None]), len(before))


def encode_general(text: str, tokens: Tokenizer, length: int) -> list[Encoded]:
    """A general text in stretches that can be read at once; all but the first token of each is learned."""
    found, size = tokens.encode(text, add_special_tokens=False), min(REPLAYED, length)
    parts = [tuple(found[at : at + size]) for at in range(0, len(found), size)]
    return [Encoded(part, 1, replay=True) for part in parts if len(part) >= min(LEAST, size)]


def fitting(rows: Iterable[Encoded], length: int) -> list[Encoded]:
    """The rows of at most `length` tokens with something to learn in them; the others are left out, never cut."""
    return [row for row in rows if len(row.tokens) <= length and row.counted > 0]


def shown(example: Example, row: Encoded, tokens: Tokenizer) -> Shown:
    """The row for a person, from the very tokens that the model is given."""
    before, after = row.tokens[: row.start], row.tokens[row.start :]
    spans = (Span(str(tokens.decode(before)), False), Span(str(tokens.decode(after)), True))
    return Shown(example.id, len(row.tokens), row.counted, spans)


def _texts(messages: Sequence[Turn], completion: str, tokens: Tokenizer) -> tuple[str, str]:
    """The prompt, and what the model is to say: the answer with the mark that ends a turn, and nothing after that."""
    turns = [dict(turn) for turn in messages]
    prompt: str = tokens.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
    whole: str = tokens.apply_chat_template([*turns, _said(completion)], tokenize=False)
    end = tokens.eos_token or ""
    if not whole.startswith(
        prompt
    ):  # a template that writes something between the two that is not to be learned
        return prompt, completion + end
    answer = whole[len(prompt) :]
    return prompt, answer[: answer.rfind(end) + len(end)] if end in answer else answer + end


def _said(completion: str) -> dict[str, str]:
    return {"role": "assistant", "content": completion}
