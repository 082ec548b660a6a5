"""Who may see what. The only room that makes a `Scope`."""

from service.access.accounts import Accounts, Person, SignedIn
from service.access.walls import Action, MatterCard, Verdict, Walls, decide

__all__ = ["Accounts", "Action", "MatterCard", "Person", "SignedIn", "Verdict", "Walls", "decide"]
