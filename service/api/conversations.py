"""Conversations and what people think of the answers in them."""

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter

from service.api.deps import CallerDep, HouseDep
from service.api.schemas import FeedbackBody, NewConversation, Title

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
    """The conversation with all its turns; an answer's carries its proof in `privity` and the thumb in `feedback`."""
    scope = house.walls.whole_scope(caller)
    turns = [
        {"role": turn.role, "text": turn.text, "created": turn.created}
        | ({"privity": proof, "feedback": verdict} if proof else {})
        for turn, proof, verdict in house.conversations.turns(conversation, scope)
    ]
    return asdict(house.conversations.card(conversation, scope)) | {"turns": turns}


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
