"""Conversations and what people think of the answers in them."""

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter

from service.api.deps import CallerDep, HouseDep
from service.api.schemas import FeedbackBody, NewConversation, Title
from service.assistant import Standing, Standings, changes
from service.core import Citation

router = APIRouter(prefix="/api", tags=["conversations"])


@router.get("/conversations")
def conversations(matter: str, caller: CallerDep, house: HouseDep, find: str = "") -> dict[str, Any]:
    scope = house.walls.scope(caller, [matter])
    return {"conversations": [asdict(card) for card in house.conversations.cards(scope, matter, find)]}


@router.post("/conversations", status_code=201)
def open_conversation(body: NewConversation, caller: CallerDep, house: HouseDep) -> dict[str, Any]:
    scope = house.walls.scope(caller, [body.matter])
    return asdict(house.conversations.open(scope, body.matter, body.title))


@router.get("/conversations/{conversation}")
def conversation(conversation: str, caller: CallerDep, house: HouseDep) -> dict[str, Any]:
    """The conversation with all its turns; an answer's carries its proof in `privity` and the thumb in `feedback`.

    Each citation says in `standing` what has become of its document since, and `privity.changed` says it in a sentence,
    "" while every source is as it was.
    """
    scope = house.walls.whole_scope(caller)
    standings = Standings(house.library, scope)
    turns = [
        {"role": turn.role, "text": turn.text, "created": turn.created}
        | ({"privity": _today(proof, standings), "feedback": verdict} if proof else {})
        for turn, proof, verdict in house.conversations.turns(conversation, scope)
    ]
    return asdict(house.conversations.card(conversation, scope)) | {"turns": turns}


def _today(proof: dict[str, Any], standings: Standings) -> dict[str, Any]:
    """A kept proof, and how its sources stand now."""
    cited = [Citation(**citation) for citation in proof["citations"]]
    sources = [(citation, standings.of(citation)) for citation in cited]
    told = [asdict(citation) | {"standing": _told(now)} for citation, now in sources]
    return proof | {"citations": told, "changed": changes(sources)}


def _told(now: Standing) -> dict[str, Any]:
    values = asdict(now) | {"told": now.told}
    del values["news"], values["words"]
    return values


@router.patch("/conversations/{conversation}")
def rename(conversation: str, body: Title, caller: CallerDep, house: HouseDep) -> dict[str, Any]:
    scope = house.walls.whole_scope(caller)
    house.conversations.rename(conversation, body.title, scope)
    return asdict(house.conversations.card(conversation, scope))


@router.delete("/conversations/{conversation}", status_code=204)
def remove(conversation: str, caller: CallerDep, house: HouseDep) -> None:
    house.conversations.remove(conversation, house.walls.whole_scope(caller))


@router.post("/answers/{answer}/feedback", status_code=204)
def feedback(answer: str, body: FeedbackBody, caller: CallerDep, house: HouseDep) -> None:
    """A thumb on one's own answer, and how it should have read. A second one replaces the first."""
    house.conversations.judge(answer, body.verdict, body.correction, caller)
