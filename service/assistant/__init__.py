"""Grounded answers, and the conversations that keep them."""

from service.assistant.assistant import Assistant, Event, Searched
from service.assistant.conversations import ConversationCard, Conversations

__all__ = ["Assistant", "ConversationCard", "Conversations", "Event", "Searched"]
