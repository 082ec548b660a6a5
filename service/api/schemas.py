"""The bodies that come in and go out. Unknown fields are refused by name."""

from datetime import date
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from service.core import Filter, Role


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
