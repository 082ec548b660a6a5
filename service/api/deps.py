"""What nearly every route asks for: the house, who calls, and the way to write an answer."""

from typing import Annotated, cast

from fastapi import Depends, Request

from service.access import Accounts
from service.api.house import House
from service.core import Caller
from service.errors import NotSignedIn

COOKIE = "privity_session"


def _house(request: Request) -> House:
    return cast(House, request.app.state.house)


def token(request: Request) -> str:
    """The bearer key, or else the browser's session."""
    kind, _, value = request.headers.get("authorization", "").partition(" ")
    return value.strip() if kind.lower() == "bearer" else request.cookies.get(COOKIE, "")


def _caller(request: Request) -> Caller:
    presented = token(request)
    if not presented:
        raise NotSignedIn("Sign in, or send a key as `Authorization: Bearer …`.")
    return _house(request).accounts.authenticate(presented)


def session(request: Request, accounts: Accounts) -> str | None:
    """The name of the person whose browser this is, or None; for the page, which answers strangers itself."""
    try:
        return accounts.authenticate(request.cookies.get(COOKIE, "")).name
    except NotSignedIn:
        return None


HouseDep = Annotated[House, Depends(_house)]
CallerDep = Annotated[Caller, Depends(_caller)]
