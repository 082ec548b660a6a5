"""The bodies that come in and go out. Unknown fields are refused by name."""

from datetime import date
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from service.core import Filter, Role
from service.training import TrainSpec, read_recipe


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ErrorDetail(BaseModel):
    code: str = Field(examples=["not_found"])
    message: str = Field(examples=["There is no such matter among yours. Ask one of its members to add you."])
    details: dict[str, Any] = {}


class ErrorBody(BaseModel):
    error: ErrorDetail


class Login(_In):
    name: str = Field(examples=["admin"])
    password: str


class Password(_In):
    old: str
    new: str


class NewUser(_In):
    name: str = Field(examples=["j.doe"])
    role: Role = Role.MEMBER
    password: str | None = Field(None, description="A random one is made and returned unless given.")


class UserChange(_In):
    role: Role | None = None
    disabled: bool | None = None
    password: str | None = None


class NewKey(_In):
    name: str = Field(min_length=1, max_length=64, examples=["review script"])


class MatterName(_In):
    name: str = Field(examples=["Harrow Estates v Lyle"])


class MatterAdapter(_In):
    name: str | None = Field(
        description="An adapter's name; null leaves the choice to the base.", examples=["contract-qa"]
    )


class AdapterVersion(_In):
    version: int | None = Field(ge=1, description="Null withdraws the name: it answers nothing any more.")


class OneVersion(_In):
    version: int = Field(ge=1)


class AdapterSplit(_In):
    version: int | None = Field(None, ge=1, description="The candidate; not needed to end a split.")
    share: int = Field(ge=0, le=50, description="Per cent of the questions; 0 ends the split.")


class NewJob(_In):
    """A fine-tune: what it learns from, what it is to be called, and how it is trained."""

    dataset: str
    name: str = Field(examples=["contract-qa"], description="The adapter's, of which it becomes a version.")
    title: str = Field("", description="The name in plain words.")
    preset: str = Field("standard", examples=["smoke"])
    recipe: dict[str, Any] = Field(
        {}, description="What is changed of the preset; GET /api/recipes tells the fields."
    )
    protect: bool = Field(False, description="Protect general ability: replay, EWC, dropout, frozen layers.")
    people: list[str] = Field([], description="Who may use it; nobody named: everybody in its matters.")

    def made(self, people: frozenset[str]) -> TrainSpec:
        recipe = read_recipe(self.recipe, self.preset)
        return TrainSpec(self.dataset, self.name, self.title, recipe, self.protect, people)


class NewExport(_In):
    form: Literal["peft", "gguf", "safetensors", "BF16", "Q8_0", "Q4_0"] = Field(
        description="The adapter alone, or merged into its base."
    )


class JobReason(_In):
    reason: str = Field("", max_length=2000)


class NewDataset(_In):
    name: str = Field(examples=["Leases, first round"])
    kind: Literal["answers", "classify"] = Field(
        "answers", description="Questions with passages and answers, or texts with labels."
    )
    matters: list[str] = Field([], description="Ids of the matters whose papers its rows will be of.")
    note: str = Field("", max_length=2000)


class NewRow(_In):
    question: str = ""
    context: str = Field(description="The passage; of a text and its label the text.")
    answer: str = Field("", description='As it stands in the passage; "" where the passage does not answer.')
    label: str = ""


class RowChange(_In):
    state: Literal["proposed", "accepted", "rejected"] | None = None
    question: str | None = None
    context: str | None = None
    answer: str | None = None
    label: str | None = None


class Decision(_In):
    state: Literal["accepted", "rejected"]
    rows: list[str] | None = Field(
        None, max_length=10_000, description="Ids; all that are proposed unless given."
    )
    rule: str = Field("", description="Only what this rule proposed.")


class Wanted(_In):
    """Rows to be proposed from the documents of a matter."""

    matter: str
    rules: list[str] = Field([], description="Names of rules; none means all.", examples=[["governing-law"]])
    unanswerable: bool = Field(True, description="Questions over passages that do not answer them, too.")
    written: bool = Field(False, description="Questions that the model writes, too; takes a while.")
    mask: bool = Field(False, description="Put placeholders for personal data.")


class Collecting(_In):
    dataset: str
    matter: str
    mask: bool = False


class Documents(_In):
    """Which documents are searched, and which of their passages; every part that is given must hold."""

    kinds: list[str] = Field([], description="File formats.", examples=[["pdf", "docx"]])
    types: list[str] = Field([], description="What the documents are.", examples=[["Lease"]])
    party: str = Field("", description="A part of a party's name.")
    title: str = Field("", description="A part of the title.")
    since: date | None = Field(None, description="Dated on this day or later.")
    until: date | None = Field(None, description="Dated on this day or earlier.")
    documents: list[str] = Field([], description="Ids.")
    clauses: list[str] = Field(
        [],
        description="Types of clause, of which a passage must be one.",
        examples=[["Governing law"]],
        max_length=200,
    )

    def made(self) -> Filter:
        return Filter(
            kinds=frozenset(self.kinds),
            types=frozenset(self.types),
            party=self.party,
            title=self.title,
            since=self.since.isoformat() if self.since else "",
            until=self.until.isoformat() if self.until else "",
            documents=frozenset(self.documents),
            clauses=frozenset(self.clauses),
        )


class Search(_In):
    query: str = Field(min_length=1, max_length=8000, examples=["When may the tenant break the lease?"])
    k: int = Field(8, ge=1, le=64)
    exact: bool = Field(False, description="Search for words and phrases instead of meaning.")
    filter: Documents = Field(default_factory=Documents)


class Removal(_In):
    documents: list[str] = Field(min_length=1, max_length=10_000)


class NewConversation(_In):
    matter: str
    title: str = ""


class Title(_In):
    title: str = Field(min_length=1, max_length=200)


class FeedbackBody(_In):
    verdict: Literal["good", "bad"]
    correction: str = Field("", max_length=20_000)


class TextPart(_In):
    type: Literal["text"]
    text: str


class ChatMessage(BaseModel):
    model_config = ConfigDict(extra="forbid")
    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[TextPart]
    name: str | None = Field(None, description="Accepted and not used.")

    @property
    def text(self) -> str:
        return self.content if isinstance(self.content, str) else "".join(part.text for part in self.content)


class StreamOptions(_In):
    include_usage: bool = False


class Chat(_In):
    """OpenAI's chat completion request, with `matter` and `conversation` added."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "model": "base",
                    "messages": [{"role": "user", "content": "When may the tenant break the lease?"}],
                    "matter": "m0123456789abcdef",
                    "stream": True,
                }
            ]
        },
    )
    model: str = Field(
        "default",
        description="An adapter's name, `base`, or `default`: what the matter has fixed, otherwise the base.",
    )
    messages: list[ChatMessage] = Field(min_length=1, max_length=200)
    matter: str | list[str] | None = Field(
        None, description="With it the answer is grounded in these matters."
    )
    conversation: str | None = Field(
        None, description="Keeps the turn in this conversation, and continues from it."
    )
    stream: bool = False
    stream_options: StreamOptions | None = None
    max_tokens: int | None = Field(None, ge=1)
    max_completion_tokens: int | None = Field(None, ge=1)
    temperature: float = Field(0.0, ge=0, le=2)
    top_p: float = Field(1.0, gt=0, le=1)
    seed: int | None = None
    stop: str | list[str] | None = None
    n: Literal[1] = 1
    user: str | None = Field(None, description="Accepted and not used: the key or session says who asks.")
