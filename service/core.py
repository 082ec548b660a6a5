"""The frozen types that travel between the floors. Standard library only.

Offsets are characters (Unicode code points) of a document's canonical text, half open: `text[start:end]`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Literal


class Role(StrEnum):
    """What a person may do with the house; what they may *see* is a matter of membership."""

    MEMBER = "member"
    TRAINER = "trainer"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Caller:
    id: str
    name: str
    role: Role


@dataclass(frozen=True, slots=True)
class Scope:
    """The wall as a type: who asks, and in which matters. Only `service.access` makes one (a test holds that).

    `salt` separates cached prefixes: two scopes share a cache only if they hold the same matters.
    """

    caller: Caller
    matters: frozenset[str]
    salt: str

    def covers(self, matters: frozenset[str]) -> bool:
        return matters <= self.matters


# --- documents -------------------------------------------------------------------------------------------

Style = Literal["heading", "paragraph", "list", "table"]


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph, heading, list item or table of a document. Blocks are disjoint and in reading order."""

    start: int
    end: int
    page: int  # 1-based; 1 throughout for formats without pages
    style: Style = "paragraph"
    level: int = 0  # heading depth from 1; 0 for anything else


@dataclass(frozen=True, slots=True)
class Page:
    number: int  # 1-based
    start: int
    end: int
    width: float = 0.0  # PDF points; 0 for formats without pages
    height: float = 0.0
    confidence: float | None = None  # of the recognition, 0 to 1, where the page's text comes from a picture

    @property
    def empty(self) -> bool:
        return self.start == self.end


Fate = Literal[
    "kept",  # in the text, and worth a word: endnotes moved, a table of contents
    "dropped",  # not in the text: running headers, page numbers
    "hidden",  # not to be seen on paper, and so not in the text: white, tiny, off the page, Word's hidden text
    "inserted",  # tracked insertions, in the text
    "deleted",  # tracked deletions, not in the text
    "commented",  # comments in the margin, not in the text
    "unread",  # pages without text
    "recognised",  # read from a picture
    "attached",  # files inside this one, filed beside it
    "odd",  # anything else that a careful reader would want to know
]


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of a file's ledger: what became of a part of what came in. `reason` never holds client text."""

    fate: Fate
    reason: str  # a sentence
    characters: int = 0  # 0 where they cannot be counted
    pages: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that the file says about [start, end) of the text, beside the text itself.

    `text` is what stands elsewhere: a comment's words, a deletion's words (its span is empty). `by` and `date` (as the
    file gives them) are the author's.
    """

    kind: Literal["inserted", "deleted", "comment"]
    start: int
    end: int
    text: str = ""
    by: str = ""
    date: str = ""


@dataclass(frozen=True, slots=True)
class Word:
    """A word that was recognised in a picture, and where: fractions of its page, origin top left."""

    start: int
    end: int
    box: tuple[float, float, float, float]  # x0, y0, x1, y1


@dataclass(frozen=True, slots=True)
class Document:
    id: str
    matter: str
    title: str  # the file's own name, as the person gave it
    kind: str  # a key of `service.retrieval.loaders.FORMATS`
    digest: str  # sha256 of the original bytes, hex
    text: str  # canonical
    blocks: tuple[Block, ...]
    pages: tuple[Page, ...]
    ledger: tuple[Entry, ...] = ()
    marks: tuple[Mark, ...] = ()  # in the order of their starts
    words: tuple[Word, ...] = ()  # of pages read from pictures, in their order
    family: str = ""  # see Filed
    version: int = 1

    def page_at(self, offset: int) -> int:
        """The number of the page that holds the character at `offset`."""
        found = 1
        for page in self.pages:
            if page.start > offset:
                break
            found = page.number
        return found


@dataclass(frozen=True, slots=True)
class Facts:
    """What a document says of itself at its head and tail. Empty where it does not say."""

    type: str = ""  # "Lease", "Amendment", "E-mail"
    parties: tuple[str, ...] = ()
    dated: str = ""  # ISO 8601: "2021-03-05"
    law: str = ""  # the governing law: "England and Wales"
    amends: str = ""  # what it says it amends, in its own words


class State(StrEnum):
    """Where a file stands. Every file ends in READY or in one of the states after it."""

    QUEUED = "queued"
    READING = "reading"
    EMBEDDING = "embedding"
    READY = "ready"
    PARTIAL = "partial"  # ready, but some pages hold no text
    DUPLICATE = "duplicate"  # the same bytes are in the matter already
    EMPTY = "empty"  # no text at all (a scan, say)
    ENCRYPTED = "encrypted"
    DAMAGED = "damaged"
    UNSUPPORTED = "unsupported"
    UNPACKED = "unpacked"  # an archive: the files in it stand beside it
    TOO_LARGE = "too_large"
    FAILED = "failed"  # our own mistake; the log has the trace

    @property
    def searchable(self) -> bool:
        return self in (State.READY, State.PARTIAL)

    @property
    def final(self) -> bool:
        return self not in (State.QUEUED, State.READING, State.EMBEDDING)


@dataclass(frozen=True, slots=True)
class Filed:
    """One file's line in the library: what the list shows, without the text."""

    id: str
    matter: str
    title: str
    kind: str
    digest: str
    state: State
    reason: str  # a sentence with the remedy when the state is not READY, else ""
    size: int  # bytes
    pages: int
    pages_without_text: int
    passages: int
    characters: int
    added: float  # Unix seconds
    done: int = 0  # passages embedded so far, while EMBEDDING
    ledger: tuple[Entry, ...] = ()
    facts: Facts = Facts()
    parent: str = ""  # id of the document that this file came attached to or packed in
    family: str = ""  # id of the first version; its own for a document without versions
    version: int = 1
    current: bool = True  # whether this version is the one that is searched


@dataclass(frozen=True, slots=True)
class Passage:
    """A disjoint stretch of a document, with the headings that stand above it. `why` is set by search.

    `types` are the kinds of clause that it is, surest first; none where no head labels passages.
    """

    id: str
    document: str
    title: str
    start: int
    end: int
    text: str
    path: tuple[str, ...] = ()
    page: int = 1
    score: float = 0.0
    why: "Why | None" = None
    types: tuple[str, ...] = ()

    @property
    def heading(self) -> str:
        return " › ".join(self.path)


@dataclass(frozen=True, slots=True)
class Why:
    """Why a passage was found. A part that did not take part is 0."""

    meaning: float = 0.0  # cosine
    words: float = 0.0  # BM25, as a share of the best in scope
    rerank: float = 0.0  # what the reranker gave
    terms: tuple[str, ...] = ()  # of the question, that stand in the passage


@dataclass(frozen=True, slots=True)
class Filter:
    """Which documents a search looks at, and which of their passages; every part that is set must hold. Names compare
    without case."""

    kinds: frozenset[str] = frozenset()  # file formats
    types: frozenset[str] = frozenset()  # see Facts.type
    party: str = ""  # a part of a party's name
    title: str = ""  # a part of the title
    since: str = ""  # ISO dates, both included; a document without a date is left out
    until: str = ""
    documents: frozenset[str] = frozenset()  # ids
    clauses: frozenset[str] = frozenset()  # types of clause, of which a passage must be one


@dataclass(frozen=True, slots=True)
class Silent:
    """A document with pages that hold no text, and which."""

    document: str
    title: str
    pages: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Coverage:
    """What was searched: the proof behind an answer and behind a "not found"."""

    documents: int = 0
    passages: int = 0
    pages: int = 0
    pages_without_text: int = 0
    not_searched: int = 0  # documents of the matter that are not searchable
    seconds: float = 0.0
    index: str = ""  # version of the index
    left_out: int = 0  # searchable ones that the question leaves out, for it names others, or a filter does
    silent: tuple[Silent, ...] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """Passages, best first, and what was searched. Empty when nothing stands above the threshold.

    `asked` is the question without the words that only name a document; `strange` are the names in it that no
    document of these matters mentions.
    """

    passages: tuple[Passage, ...]
    coverage: Coverage
    asked: str = ""
    strange: tuple[str, ...] = ()


# --- questions and answers -------------------------------------------------------------------------------

Speaker = Literal["system", "user", "assistant"]


@dataclass(frozen=True, slots=True)
class Message:
    role: Speaker
    content: str


@dataclass(frozen=True, slots=True)
class Sampling:
    max_tokens: int = 256
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int | None = None
    stop: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Adapter:
    """A LoRA adapter as a value: its digest is its identity, its name only a pointer.

    `matters` are those whose papers it learned from: only a question put to all of them may use it (see `admits`).
    """

    name: str
    digest: str  # sha256 over its canonical content, hex
    version: int = 0
    base: str = ""  # fingerprint of the base model that it fits
    rank: int = 0  # the highest of its layers
    scale: float = 1.0
    matters: frozenset[str] = frozenset()
    people: frozenset[str] = frozenset()  # ids of those who may use it; empty: everybody
    folder: Path | None = None  # its files on the shelf; None for the base
    origin: str = ""  # "shipped", "upload", "fine-tune 12"

    def admits(self, scope: Scope) -> bool:
        """Whether a question in this scope may be answered by it."""
        return scope.covers(self.matters) and (not self.people or scope.caller.id in self.people)


BASE = Adapter(name="base", digest="base")


@dataclass(frozen=True, slots=True)
class BaseFacts:
    """What an adapter must fit. `layers` maps each linear layer, as PEFT names it, to (outputs, inputs):
    "model.layers.0.self_attn.q_proj" -> (576, 576).
    """

    name: str
    fingerprint: str
    architecture: str  # "llama"
    heads: int  # of attention's queries
    kv_heads: int
    layers: Mapping[str, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class ProbeReport:
    """What an adapter did when it was loaded and asked, in a process of its own."""

    moved: float  # the greatest change of a logit against the base
    parity: float | None  # the greatest difference between the two engines; None where only one can serve it
    milliseconds: float  # to load and attach it


class LoraFile(StrEnum):
    """The files of an adapter's folder on the shelf."""

    CONFIG = "adapter_config.json"
    WEIGHTS = "adapter_model.safetensors"
    GGUF = "adapter.gguf"  # llama.cpp's form of the same
    CARD = "README.md"
    MANIFEST = "manifest.json"  # written last


@dataclass(frozen=True, slots=True)
class Question:
    messages: tuple[Message, ...]
    scope: Scope
    adapter: Adapter = BASE
    sampling: Sampling = field(default_factory=Sampling)


Priority = Literal["person", "background"]


@dataclass(frozen=True, slots=True)
class Generation:
    """One request to an engine. `owner` is whom the per-person limits count; `salt` keys the prefix cache."""

    messages: tuple[Message, ...]
    adapter: Adapter = BASE
    sampling: Sampling = field(default_factory=Sampling)
    salt: str = ""
    owner: str = ""
    priority: Priority = "person"


@dataclass(frozen=True, slots=True)
class Usage:
    prompt: int = 0  # tokens
    completion: int = 0
    cached: int = 0  # of the prompt, taken from the prefix cache


Finish = Literal["stop", "length"]


@dataclass(frozen=True, slots=True)
class Piece:
    """A bit of generated text. The last piece of a generation, and only it, has `finish` and `usage`."""

    text: str
    finish: Finish | None = None
    usage: Usage | None = None


@dataclass(frozen=True, slots=True)
class EngineInfo:
    model: str  # what the status bar shows: "SmolLM2-135M-Instruct"
    engine: str  # "llama.cpp"
    fingerprint: str  # of the base model's weights
    context: int  # tokens one sequence may hold, prompt and answer together
    threads: int
    slots: int  # sequences decoded at once


@dataclass(frozen=True, slots=True)
class Load:
    """The engine's state at one moment, for the status bar and the metrics."""

    running: int
    waiting: int
    tokens_per_second: float  # generated, over the last seconds; 0 when idle
    first_token_seconds: float  # median of the last requests; 0 before the first
    adapters: int = 0  # in the model's memory
    adapter_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Citation:
    """A verbatim span of a document. `verified` only if `quote` equals the canonical text at [start, end)."""

    n: int
    document: str
    title: str
    start: int
    end: int
    page: int
    heading: str
    quote: str
    verified: bool
    role: Literal["evidence", "definition"] = "evidence"  # a definition explains a term of the evidence
    remark: str = ""  # a sentence the reader must know: "Part of this is a tracked insertion …"
    family: str = ""  # of the document's versions
    version: int = 0  # of the document as it was cited; 0 in answers that were kept before versions were


@dataclass(frozen=True, slots=True)
class Answer:
    """A finished answer. `refused` names the reason when the documents are silent, else None.

    `unsupported` holds spans [start, end) of `text` whose words no cited passage bears out.
    """

    id: str
    text: str
    citations: tuple[Citation, ...]
    refused: str | None
    coverage: Coverage | None
    adapter: Adapter
    usage: Usage
    unsupported: tuple[tuple[int, int], ...] = ()
    finish: Finish = "stop"
    seconds: float = 0.0
