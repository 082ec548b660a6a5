"""What the public HTTP API answers with, as the page reads it. Offsets are code points of a document's text."""

from typing import Any, Literal, NotRequired, TypedDict

Json = dict[str, Any]


class Me(TypedDict):
    id: str
    name: str
    role: Literal["member", "trainer", "admin"]


class Matter(TypedDict):
    id: str
    name: str
    created: float
    documents: int
    members: int


class Entry(TypedDict):
    """A line of a file's ledger: what became of a part of what came in."""

    fate: str
    reason: str
    characters: int
    pages: list[int]


class Facts(TypedDict):
    """What a document says of itself; empty where it does not say."""

    type: str
    parties: list[str]
    dated: str  # ISO 8601
    law: str
    amends: str


class Filed(TypedDict):
    """One file's line in the library."""

    id: str
    matter: str
    title: str
    kind: str
    digest: str
    state: str
    reason: str
    size: int  # bytes
    pages: int
    pages_without_text: int
    passages: int
    characters: int
    added: float  # Unix seconds
    done: int  # passages embedded so far
    ledger: list[Entry]
    facts: Facts
    parent: str  # id of the document that it came attached to or packed in
    family: str  # id of the first version
    version: int
    current: bool


class Page(TypedDict):
    number: int
    start: int
    end: int
    width: float  # points; 0 for formats without pages
    height: float
    empty: bool
    confidence: float | None  # of the recognition, 0 to 1; None where nothing was recognised


class Heading(TypedDict):
    heading: str
    level: int
    start: int
    page: int
    types: NotRequired[list[str]]  # of the clause under it


class Mark(TypedDict):
    """A tracked change or a comment; a deletion's span is empty, and its words stand in `text`."""

    kind: Literal["inserted", "deleted", "comment"]
    start: int
    end: int
    text: str
    by: str
    date: str


class Definition(TypedDict):
    term: str
    start: int
    end: int


class Reference(TypedDict):
    """Words that name another clause; `target` is its span, `document` what other document it is in."""

    start: int
    end: int
    label: str
    target: list[int] | None
    document: str


class Document(Filed):
    page_list: list[Page]
    outline: list[Heading]
    marks: list[Mark]
    definitions: list[Definition]
    references: list[Reference]
    versions: list[Filed]
    attached: list[Filed]
    amends: list[str]
    amended_by: list[str]


class Marked(TypedDict):
    """Rectangles [x0, y0, x1, y1] of one page, in fractions of it from the top left."""

    number: int
    rects: list[list[float]]


class Silent(TypedDict):
    """A document with pages that hold no text, and which."""

    document: str
    title: str
    pages: list[int]


class Coverage(TypedDict):
    """What was searched. Answers that were kept before these were told lack the last three."""

    documents: int
    passages: int
    pages: int
    pages_without_text: int
    not_searched: int
    seconds: float
    left_out: NotRequired[int]
    index: NotRequired[str]
    silent: NotRequired[list[Silent]]


class Spot(TypedDict):
    start: int
    end: int
    page: int
    heading: str


class Standing(TypedDict):
    """What has become of a citation's document since the answer; `document` is the version that counts now, or ""."""

    state: Literal["current", "changed", "gone"]
    kept: bool  # what was cited can still be opened
    document: str
    title: str
    version: int
    place: Spot | None  # of the cited words in what counts now
    told: str


class Citation(TypedDict):
    n: int
    document: str
    title: str
    start: int
    end: int
    page: int
    heading: str
    quote: str
    verified: bool
    role: NotRequired[Literal["evidence", "definition"]]
    remark: NotRequired[str]  # what the reader must know of these words
    family: NotRequired[str]
    version: NotRequired[int]  # that was cited
    standing: NotRequired[Standing]


class Checked(TypedDict):
    """What stands behind an answer: the top-level `privity` object of a reply."""

    answer_id: str
    refused: str | None
    citations: list[Citation]
    coverage: NotRequired[Coverage | None]
    adapter: Json
    unsupported: NotRequired[list[list[int]]]
    seconds: NotRequired[float]
    usage: NotRequired[Json]
    changed: NotRequired[str]  # what has become of the sources since; "" while all are as they were


class Turn(TypedDict):
    role: Literal["user", "assistant"]
    text: str
    created: float
    privity: NotRequired[Checked]
    feedback: NotRequired[Literal["good", "bad"] | None]


class Conversation(TypedDict):
    id: str
    matter: str
    title: str
    created: float
    updated: float
    answers: int
    citations: int
    refused: int


class Transcript(TypedDict):
    id: str
    matter: str
    title: str
    turns: list[Turn]


class Why(TypedDict):
    """Why a passage was found; a part that did not take part is 0."""

    meaning: float
    words: float
    rerank: float
    terms: list[str]


class Passage(TypedDict):
    document: str
    title: str
    start: int
    end: int
    text: str
    page: int
    heading: str
    score: float
    why: Why | None
    types: NotRequired[list[str]]  # of clause


class Filter(TypedDict):
    """Which documents a search looks at, and which passages; every part that is given must hold."""

    kinds: NotRequired[list[str]]
    types: NotRequired[list[str]]
    clauses: NotRequired[list[str]]
    party: NotRequired[str]
    title: NotRequired[str]
    since: NotRequired[str]
    until: NotRequired[str]


class Found(TypedDict):
    passages: list[Passage]
    coverage: Coverage


class Status(TypedDict):
    ready: bool
    stage: str
    engine: Json | None
    offline: bool
    version: str


class User(Me):
    disabled: NotRequired[bool]


class Key(TypedDict):
    id: str
    name: str
    created: NotRequired[float]


class Place(TypedDict):
    id: str
    name: str


class Figures(TypedDict):
    """How a version does, over the answers that are kept; a share is from 0 to 1, and None of nothing."""

    answers: int
    refused: float | None
    verified: float | None
    first_word_p95: float | None  # seconds
    disliked: int
    corrected: int


class Version(TypedDict):
    version: int
    digest: str
    state: Literal["published", "ready", "retired", "missing", "misfit"]
    searches: bool  # whether the search goes by it now
    base: str
    rank: int
    scale: float
    tensors: int
    size: int  # bytes
    origin: str
    matters: list[Place]  # of the reader's own
    hidden_matters: int
    people: list[str]
    by: str
    created: float
    today: int  # answers
    total: int
    probe: Json


class Deed(TypedDict):
    """Something that was done with an adapter; `by` is empty for the house."""

    what: str
    version: int | None
    before: str
    after: str
    by: str
    at: float
    matter: Place | None


class Adapter(TypedDict):
    """A name, where it points, and the versions under it, oldest first."""

    name: str
    title: str
    kind: Literal["answers", "search"]
    told: str  # what becomes of what is published, where that is to be said
    published: int | None
    previous: int | None  # what a roll back would publish
    candidate: int | None
    share: int  # per cent of the questions that the candidate gets
    versions: list[Version]
    history: list[Deed]  # the newest first
    figures: dict[str, Figures]  # by version


class Step(TypedDict):
    """A check of an adapter, run or to be run."""

    step: str
    state: Literal["waiting", "running", "passed", "refused"]
    said: list[str]
    seconds: float


class Admission(TypedDict):
    id: str
    name: str
    state: Literal["checking", "ready", "refused"]
    by: str
    created: float
    ticks: list[Step]
    reasons: list[str]
    version: int | None
    told: str


class Model(TypedDict):
    """Who may answer in a matter: the base, or an adapter's published version."""

    name: str
    title: str
    version: int
    digest: str
    since: NotRequired[float | None]  # when it was published, Unix seconds


BASE = Model(name="base", title="The base model", version=0, digest="base")


# --- fine-tunes


class DataSet(TypedDict):
    """Rows that a run learns from, without the rows."""

    id: str
    name: str
    kind: Literal["answers", "classify"]
    matters: list[str]  # ids
    by: str
    created: float
    note: str
    counts: dict[str, int]  # rows by state
    answerable: int  # accepted rows with an answer
    origins: dict[str, int]
    documents: int  # that the accepted rows come from


class TrainingRow(TypedDict):
    """A row of a data set, and where it comes from."""

    id: str
    state: Literal["proposed", "accepted", "rejected"]
    question: str
    context: str
    answer: str  # "" where the context does not answer
    label: str
    origin: str
    document: str
    start: int  # of the context in the document
    end: int
    rule: str
    title: str
    by: str
    edited_by: str


class Origin(TypedDict):
    """A document that was learned from. One that is gone has no title any more."""

    document: str
    title: str
    train: int  # rows
    held_out: int


class Learner(TypedDict):
    """A run that learned from a document."""

    number: int
    name: str
    state: "RunState"
    adapter: str
    version: int | None
    train: int  # rows of the document
    held_out: int


class Made(TypedDict):
    """A version of an adapter that learned, and how many answers it wrote."""

    name: str
    version: int
    published: bool
    retired: bool
    answers: int


class Lineage(TypedDict):
    """What learned from a document; or, of a run, what it learned from."""

    runs: list[Learner]
    adapters: list[Made]
    documents: list[Origin]
    told: str


class Rule(TypedDict):
    """What documents can be asked by themselves."""

    name: str
    says: str
    questions: list[str]


class Line(TypedDict, total=False):
    """A step of a training, as far as it was measured; losses in nats a token."""

    at: float
    step: int
    of: int
    epoch: float
    loss: float
    first_loss: float  # of the first word of the answer, which carries the choice
    held_out_loss: float
    held_out_first_loss: float
    rate: float
    norm: float
    tokens: int
    tokens_per_second: float
    left: float  # seconds
    memory: int  # bytes
    accuracy: float
    macro_f1: float


RunState = Literal[
    "queued",
    "preparing",
    "training",
    "evaluating",
    "waiting",
    "published",
    "declined",
    "stopped",
    "failed",
]


class Run(TypedDict):
    """A line of the list of fine-tunes."""

    number: int
    name: str
    title: str
    kind: Literal["answers", "classify"]
    dataset: str
    matters: list[Place]
    people: list[str]
    state: RunState
    reason: str
    by: str
    created: float
    started: float | None
    ended: float | None
    progress: Line
    share: float  # of the training that is done, 0 to 1
    version: int | None
    resumed: int


class Pace(TypedDict):
    """What the machine does with a run now."""

    paused: bool
    slower: float | None  # the share by which lawyers' first words come later meanwhile
    seconds: float


class Doing(TypedDict):
    what: str
    by: str
    at: float
    reason: str


class Gate(TypedDict):
    passed: bool
    reasons: list[str]


class Export(TypedDict):
    form: str
    state: Literal["making", "ready", "refused"]
    reason: str
    size: int  # bytes


class WholeRun(Run):
    recipe: Json
    counts: dict[str, int]
    base: str
    adapter: str
    now: Pace | None
    checkpoints: list[int]
    deeds: list[Doing]
    approved_by: str
    approval_reason: str
    exports: list[Export]
    gate: Gate | None
    may: dict[str, bool]


class Interval(TypedDict):
    value: float
    low: float
    high: float


class Shown(TypedDict):
    """A held-out question with what was said to it."""

    id: str
    question: str
    gold: str
    said: str
    rival: str
    f1: float
    before: float
    invented: list[str]


class Contestant(TypedDict):
    who: str
    called: str
    name: str
    version: int
    scores: Json
    general: Json | None


class Report(TypedDict):
    """What the examination of a run found."""

    kind: str
    rows: int
    of: int
    documents: int
    answerable: int
    rival: str
    contestants: list[Contestant]
    gain: Interval
    gate: Gate
    best: list[Shown]
    worst: list[Shown]


class Choice(TypedDict):
    """A line of the recipe's form."""

    name: str
    level: Literal["simple", "normal", "expert"]
    label: str
    sentence: str
    kind: Literal["integer", "number", "choice"]
    low: float
    high: float
    choices: list[str]


class Preset(TypedDict):
    said: str
    recipe: Json


class Recipes(TypedDict):
    presets: dict[str, Preset]
    fields: list[Choice]


class Span(TypedDict):
    text: str
    counts: bool  # towards the loss


class Seen(TypedDict):
    """A row as the model reads it; the loss is taken from the spans that count."""

    id: str
    tokens: int
    counted: int
    spans: list[Span]


class Forecast(TypedDict):
    seconds: float
    memory: int
    measured: bool


class Preflight(TypedDict):
    rows: int
    held_out: int
    general: int
    left_out: int
    tokens: int
    counted: int
    longest: int
    median: int
    steps: int
    place: str
    forecast: Forecast
    batch: list[Seen]
    kind: Literal["answers", "classify"]
    cut: int  # texts that are read only in part
    counts: dict[str, int]
    dropped: dict[str, int]
    remarks: list[str]
