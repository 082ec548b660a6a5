"""Grounded answers, and the conversations that keep them."""

from service.assistant.assistant import Assistant, Event, Searched
from service.assistant.conversations import ConversationCard, Conversations
from service.assistant.prompt import single
from service.assistant.standing import Standing, Standings, changes

__all__ = [
    "Assistant",
    "ConversationCard",
    "Conversations",
    "Event",
    "Searched",
    "Standing",
    "Standings",
    "changes",
    "single",
]
